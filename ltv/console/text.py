"""Text cut to a width of terminal cells."""

from rich.cells import cell_len, set_cell_size


def cut(text: str, width: int) -> str:
    """The text cut to `width` terminal cells (a wide character takes two); cut text ends with an ellipsis."""
    return text if cell_len(text) <= width else set_cell_size(text, width - 1).rstrip() + "…"
