"""What a worker process says when it ends in an error."""

from collections.abc import Callable

import pytest

from cluster.settings import Cluster
from consumer.settings import Settings
from consumer.stream.workers import FATAL_EXIT, _work_in_child
from contract.errors import Fatal


@pytest.mark.parametrize(
    ("error", "code"), [(Fatal("\x1b[31m\u202e"), FATAL_EXIT), (KeyError("\x1b[31m\u202e"), 1)]
)
def test_the_text_of_an_error_is_escaped_and_the_exit_code_tells_a_bug_from_a_refusal(
    error: Exception, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    def prepare(_within_s: float) -> Callable[[], bool]:
        raise error

    with pytest.raises(SystemExit) as ended:
        _work_in_child(Settings(Cluster(), worker_id="w"), 0, prepare)
    assert ended.value.code == code
    said = capsys.readouterr().err
    assert r"\x1b[31m" in said
    assert all(line.isprintable() for line in said.splitlines())
