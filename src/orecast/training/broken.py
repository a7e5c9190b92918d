"""Why a file of a saved model cannot be used, as a user is told."""

from __future__ import annotations

import json

from pydantic import ValidationError


def why_broken(error: Exception) -> str:
    """What is wrong with a file's content, in one line, from what reading it raised.

    >>> why_broken(KeyError("training"))
    "it lacks 'training'"
    >>> why_broken(FileNotFoundError(2, "No such file or directory", "model/network.json"))
    'it is not there'
    """
    if isinstance(error, FileNotFoundError):
        return "it is not there"
    if isinstance(error, KeyError):
        return f"it lacks {error}"
    if isinstance(error, json.JSONDecodeError | UnicodeDecodeError):
        return "it is no JSON"
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error)
