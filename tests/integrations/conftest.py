"""What the frameworks need to know before they are loaded: which backend, and that they keep no settings in a home."""

import os

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("KERAS_HOME", os.path.join(os.devnull, "keras"))
os.environ.setdefault("JAX_PLATFORMS", "cpu")
