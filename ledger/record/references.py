"""Data and models by reference: what they are called, their digest and size, as a small JSON text; never their bytes.

The text is the same wherever the same data lie, so runs that used the same data share one blob.
"""

import hashlib
import os
from typing import Any

from ledger.errors import InvalidValue, warn
from ledger.format import json_style
from ledger.record.pictures import Picture


def of_data(name: str, data: Any) -> Picture:
    """Return what is said of a file (file, sha256, bytes), or of an array or table (digest, dtype, rows, bytes).

    A table's digest is the sha256 of the lines `NAME TAB dtype TAB digest` of its columns, in their order.
    """
    if isinstance(data, (str, os.PathLike)):
        return _picture({"file": os.path.basename(os.fspath(data)), **of_file(f"data {name!r}", data)})
    if hasattr(data, "columns") and hasattr(data, "items"):
        found = [(str(key), _of_array(f"column {str(key)!r} of data {name!r}", column)) for key, column in data.items()]
        lines = "".join(f"{key}\t{said['dtype']}\t{said['digest']}\n" for key, said in found)
        digest = hashlib.sha256(lines.encode("utf-8", "backslashreplace")).hexdigest()
        size = sum(said["bytes"] for _, said in found)
        return _picture({"digest": digest, "columns": len(found), "rows": len(data), "bytes": size})
    return _picture(_of_array(f"data {name!r}", data))


def _of_array(what: str, data: Any) -> dict[str, Any]:
    from ledger.format import predictions as columns
    from ledger.record import arrays

    shape = tuple(getattr(data, "shape", ()))
    column = arrays.to_column(what, data.reshape(-1) if len(shape) > 1 and hasattr(data, "reshape") else data)
    size = sum(len(t.encode()) for t in column.values.ravel()) if column.kind == columns.TEXT else column.values.nbytes
    said: dict[str, Any] = {"digest": columns.digest(column), "dtype": column.dtype}
    if len(shape) > 1:
        said["shape"] = list(shape)
    return {**said, "rows": shape[0] if shape else len(column.values), "bytes": size}


def of_model(name: str, uri: str | None, path: Any) -> Picture:
    """Return what is said of a model: uri, file, sha256, bytes; those that are known."""
    said: dict[str, Any] = {}
    if uri is not None:
        from ledger.record.redact import redact_url

        if not isinstance(uri, str) or not uri.strip():
            raise InvalidValue(f"the uri of model {name!r} must be text, not {uri!r}")
        said["uri"] = redact_url(uri)
        if said["uri"] != uri:
            warn(f"what looks like a secret in the uri of model {name!r} is left out")
    if path is not None:
        said |= {"file": os.path.basename(os.fspath(path)), **of_file(f"model {name!r}", path)}
    if not said:
        raise InvalidValue(f"nothing is said of the model {name!r}", hint="give uri=, path= or both")
    return _picture(said)


def of_file(what: str, path: Any) -> dict[str, Any]:
    """Return sha256 and size of a file; raises InvalidValue saying `what` it is where it cannot be read."""
    where = os.fspath(path)
    try:
        with open(where, "rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            return {"sha256": sha256, "bytes": file.tell()}
    except OSError as error:
        hint = "give one file, such as an archive of the folder" if os.path.isdir(where) else f"looked in {os.getcwd()}"
        raise InvalidValue(f"{what}: {where} cannot be read: {error.strerror}", hint=hint) from None


def _picture(said: dict[str, Any]) -> Picture:
    try:
        return Picture(json_style.render(said), "json")
    except UnicodeEncodeError:
        raise InvalidValue(f"a name is not valid Unicode: {said!r}") from None
