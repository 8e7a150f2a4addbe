"""Redaction: what is a secret goes, everything else stays, twice is as once, and long texts cost linear time."""

import time

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ledger.record.redact import redact_argv, redact_text, redact_url

R = "[redacted]"

# Pieces that patterns begin, part and end with, so that chance meets them together.
PIECES = [
    *("token", "password", "--api-key", "-pass", "AUTH", "Authorization", "Cookie", "bearer ", "Basic ", "x", "None"),
    *("=", ":", ": ", " ", "\n", "'", '"', "\\", ",", ", ", "&", "?", "@", "://", "/", "(", ")", "[", "]", "-", "="),
    *(
        "sk-",
        "ghp_",
        "eyJ",
        ".",
        "hf_",
        "AKIA",
        "a1b2c3d4e5f6a7b8c9d0e1f2",
        "ABCDEFGH12345678",
        R,
        "[redacted",
        "redacted]",
    ),
    *("-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----", "-----END CERTIFICATE-----", "sig", "str", "=>"),
]
texts = st.one_of(st.text(), st.lists(st.sampled_from(PIECES), max_size=25).map("".join))

ASSIGNMENTS = [
    ("--api-key X rest", f"--api-key {R} rest"),
    ("--token=X rest", f"--token={R} rest"),
    ("-password X", f"-password {R}"),
    ("PASSWORD=hunter2 ls", f"PASSWORD={R} ls"),
    ("export PGPASSWORD=a", f"export PGPASSWORD={R}"),
    ("MYSQL_PWD=a SMTP_PASS=b", f"MYSQL_PWD={R} SMTP_PASS={R}"),
    ("API_KEY_2=a clientSecret=b", f"API_KEY_2={R} clientSecret={R}"),
    ("client_secret: abc", f"client_secret: {R}"),
    ("AccountKey=abc==", f"AccountKey={R}"),
    ("oauth2: abc", f"oauth2: {R}"),
    ("my credential => abc", f"my credential => {R}"),
    ("passphrase   =   abc", f"passphrase   =   {R}"),
    ('{"token": "a b", "x": 1}', f'{{"token": "{R}", "x": 1}}'),
    ('{"token": "a\\"b", "x": 1}', f'{{"token": "{R}", "x": 1}}'),
    ('"{\\"password\\": \\"a b\\"}"', f'"{{\\"password\\": \\"{R}\\"}}"'),
    ("{'Authorization': 'Bearer x', 'a': 1}", f"{{'Authorization': '{R}', 'a': 1}}"),
    ('os.environ["API_KEY"] = "x y"', f'os.environ["API_KEY"] = "{R}"'),
    ('api_key: str = "abc"', f'api_key: str = "{R}"'),
    ("token = b'abc'", f"token = b'{R}'"),
    ("key = SecretStr('abc'), password=SecretStr('a b')", f"key = SecretStr('abc'), password=SecretStr('{R}')"),
    ("auth: Bearer xyz next", f"auth: {R} next"),
    ("Authorization: Token a b c\nnext", f"Authorization: {R}\nnext"),
    ("Set-Cookie: id=1; a=2\nnext", f"Set-Cookie: {R}\nnext"),
    ("invalid token: password: hunter2", f"invalid token: password: {R}"),
    ("Command '['curl', '--token', 'abc']' failed", f"Command '['curl', '--token', '{R}']' failed"),
]

SHAPES = [
    "AKIAIOSFODNN7EXAMPLE",
    "ASIAIOSFODNN7EXAMPLE",
    "ghp_" + "a1B2" * 9,
    "gho_" + "a1B2" * 9,
    "github_pat_" + "a1B2_" * 9,
    "glpat-" + "a1-2_" * 4,
    "hf_" + "aBcD" * 8,
    "sk-" + "a1B2" * 12,
    "sk-proj-" + "a1-_" * 12,
    "sk_live_" + "a1B2" * 6,
    "xoxb-" + "123456-abc" * 3,
    "AIza" + "a1B2-" * 7,
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P",
]

HARMLESS = [
    "--key-size 5 --tokenizer bert --max-tokens 5 --monkey x --key k --author me",
    "pad_token=[PAD] eos_token=</s> --mask-token x tokens=5 token_ids=[1, 2]",
    "primary_key=3 sort_key=x public_key=y forward_pass=3.2 passes: 4 pass: 3",
    "PWD=/home/x OLDPWD=/y password_file=/run/x auth_method=ldap secretary=z",
    "use_auth_token=True token=None password: null secret:",
    "Token::next secret://x token the secret password is nowhere",
    "signature: (x, y) -> z",
    "sk-learn-something-long-name-here hf_hub_download task-1",
    "the bearer authentication scheme, bearer of news",
    "https://git@github.com/x.git ssh://git@host/x git@github.com:a/b.git https://alice@dev.example/x",
    "https://host/path?page=2&sort=key#token",
    "-----BEGIN CERTIFICATE-----\nMIIabc\n-----END CERTIFICATE-----",
    "loss 0.31 step 3: lr=0.1",
]


@pytest.mark.parametrize(("text", "expected"), ASSIGNMENTS)
def test_a_secret_name_hides_its_value(text: str, expected: str) -> None:
    """The value of a name that means a secret goes; the name and what stands around stay."""
    assert redact_text(text) == expected


@pytest.mark.parametrize("token", SHAPES)
@pytest.mark.parametrize("frame", ["{}", "saw {} twice", "x='{}',", "log-in:{}\n", "/{}/"])
def test_a_token_goes_by_its_shape(token: str, frame: str) -> None:
    """A token of a well-known shape goes wherever it stands, even under a harmless name."""
    assert redact_text(frame.format(token)) == frame.format(R)


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_no_secret_stays(text: str) -> None:
    """Names that only look alike, words that keep no secret and ordinary output stay as they are."""
    assert redact_text(text) == text
    assert redact_argv(text.split()) == text.split()


def test_bearer_hides_what_follows() -> None:
    """`Bearer xxx` goes without a header's name in front as well."""
    assert redact_text("sent Bearer abc123def4 to x") == f"sent Bearer {R} to x"


def test_private_keys_go_whole() -> None:
    """A private key block goes, also where the text was cut before its end or after its beginning."""
    body = "MIIEpAIBAAKCAQEA7+/=\nabcDEF123\n"
    whole = f"-----BEGIN RSA PRIVATE KEY-----\nDEK-Info: AES-128-CBC,AB\n\n{body}-----END RSA PRIVATE KEY-----"
    assert redact_text(f"a {{\n{whole}\nafter. ok") == f"a {{\n{R}\nafter. ok"
    assert redact_text(whole.replace("\n", "\\n")) == R
    assert redact_text(whole[:70]) == R
    assert redact_text(f"{body}-----END OPENSSH PRIVATE KEY-----\nafter. ok") == f"{R}\nafter. ok"


def test_text_after_a_mentioned_key_stays() -> None:
    """A sentence that only mentions the first line of a key does not take the rest of the text with it."""
    assert redact_text("no -----BEGIN PRIVATE KEY----- found. Try again.").endswith(". Try again.")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://alice:pw@host/x", f"https://{R}@host/x"),
        ("postgres://u:p@ss#w@h:5432/db", f"postgres://{R}@h:5432/db"),
        ("https://tok:x-oauth-basic@github.com/a", f"https://{R}@github.com/a"),
        ("https://a1b2c3d4e5f6a7b8c9d0@host/x", f"https://{R}@host/x"),
        ("https://h/?token=a&sig=b&n=1", f"https://h/?token={R}&sig={R}&n=1"),
        ("https://h/?X-Amz-Signature=a&X-Amz-Credential=b&AWSAccessKeyId=c", None),
        ("user:pw@proxy:80", f"{R}@proxy:80"),
        ("git@github.com:a/b.git", "git@github.com:a/b.git"),
        ("../up/stream.git", "../up/stream.git"),
    ],
)
def test_urls_lose_login_and_signatures(url: str, expected: str | None) -> None:
    """Login, tokens and signatures go from a URL; host, path, other parameters and a bare user stay."""
    if expected is None:
        expected = f"https://h/?X-Amz-Signature={R}&X-Amz-Credential={R}&AWSAccessKeyId={R}"
    assert redact_url(url) == expected


def test_arguments() -> None:
    """In a command line a secret's value goes whole, with its spaces, be it joined or an argument of its own."""
    argv = ["t.py", "--api-key", "a b", "--token=a b", "-p", "lr=1", "-p", "db.password=a b", "++x.y.api_key=a b"]
    argv += [
        "--param=secret=a b",
        "--url=https://u:p@h/",
        "-H",
        "Authorization: Bearer x y",
        "--token",
        "--epochs",
        "5",
    ]
    argv += ["--use-auth-token", "True", "--pass", "x"]
    expected = ["t.py", "--api-key", R, f"--token={R}", "-p", "lr=1", "-p", f"db.password={R}", f"++x.y.api_key={R}"]
    expected += [
        f"--param=secret={R}",
        f"--url=https://{R}@h/",
        "-H",
        f"Authorization: {R}",
        "--token",
        "--epochs",
        "5",
    ]
    expected += ["--use-auth-token", "True", "--pass", R]
    assert redact_argv(argv) == expected
    assert redact_argv([]) == []


def test_what_a_redaction_uncovers_goes_too() -> None:
    """A name that is seen only once the token in front of it has gone hides its value in the same call."""
    assert redact_text("ghp_" + "a1B2" * 9 + "-pass: hunter2") == f"{R}-pass: {R}"


@given(texts)
def test_redacting_twice_is_as_once(text: str) -> None:
    """redact(redact(x)) == redact(x), for texts and URLs."""
    once = redact_text(text)
    assert redact_text(once) == once
    url = redact_url(text)
    assert redact_url(url) == url


@given(st.lists(texts, max_size=6))
def test_redacting_arguments_twice_is_as_once(argv: list[str]) -> None:
    """Arguments keep their number, and a second pass changes nothing."""
    once = redact_argv(argv)
    assert len(once) == len(argv)
    assert redact_argv(once) == once


@given(
    st.text(st.characters(categories=("L", "N")), min_size=5),
    st.sampled_from(["--token={}", "DB_PASSWORD={}", "'secret': '{}'"]),
)
def test_no_secret_is_left(secret: str, frame: str) -> None:
    """Whatever letters and digits the value is made of, it is gone."""
    assume(secret.lower() not in ("basic", "bearer", "token"))  # they announce that the secret comes next
    result = redact_text(f"before {frame.format(secret)} after")
    kept = ("true", "false", "none", "null")
    assert result == f"before {frame.format(secret if secret.lower() in kept else R)} after"


HARD = [*PIECES, "a:", "a=", "password:", "password: ", "token=", "--token ", "sk-a", "eyJaaaaaaaa.", "SG." + "a" * 20]
HARD += [
    "://a@",
    "token='\\",
    "a=(",
    "password=(",
    "xoxb-",
    "1-",
    "ab\n",
    "token=ghp_",
    "-----BEGIN ",
    "-----END ",
    " \t",
]


def test_long_texts_take_linear_time() -> None:
    """No repetition filling 64 kB takes long: some 20 ms each, where a quadratic pattern takes seconds."""
    for seed in HARD:
        long = seed * (65536 // len(seed))
        began = time.process_time()
        redact_text(long)
        redact_argv([f"token {long}"])
        assert time.process_time() - began < 0.8, seed
