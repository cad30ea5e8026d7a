"""Secrets come from a variable, or from the file that VARIABLE_FILE names; never from a command line."""

import os
from pathlib import Path
from typing import Final

from contract.errors import Fatal

FILE_SUFFIX: Final = "_FILE"
MAX_SECRET_BYTES: Final = 64 * 1024


def secret_of(variable: str) -> str | None:
    """The secret in the variable, or in the file that VARIABLE_FILE names, without a line end at its end.

    Returns:
        None if both variables are empty or not set.

    Raises:
        Fatal: both are set, or the file can't be read, is empty or no UTF-8 text. The text shows no secret.
    """
    secret, path = os.environ.get(variable), os.environ.get(variable + FILE_SUFFIX)
    if not path:
        return secret or None
    if secret:
        raise Fatal(f"{variable} and {variable}{FILE_SUFFIX} are both set: unset one of them")
    return _read(f"{variable}{FILE_SUFFIX}: {path}", Path(path))


def _read(where: str, path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_SECRET_BYTES + 1)
        text = content.decode()
    except OSError as error:
        raise Fatal(f"{where} can't be read: {error.strerror}") from None
    except ValueError:
        raise Fatal(f"{where} is no UTF-8 text") from None
    if len(content) > MAX_SECRET_BYTES:
        raise Fatal(f"{where} has more than {MAX_SECRET_BYTES:,} bytes: is it the right file?")
    secret = text.removesuffix("\n").removesuffix("\r")
    if not secret:
        raise Fatal(f"{where} is empty: write the secret into it")
    return secret
