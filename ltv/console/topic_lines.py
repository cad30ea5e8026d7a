"""Topics that are not as they should be, in lines."""

from administration.status import TopicStatus
from contract.printable import printable


def topic_lines(topics: list[TopicStatus]) -> list[str]:
    """The topics that are not as they should be, in lines."""
    lines = []
    for each in topics:
        name = printable(each.topic)
        if each.missing:
            lines.append(f"topic {name}: does not exist")
            continue
        if each.partitions:
            lines.append(f"topic {name}: {each.partitions[0]} partitions, must have {each.partitions[1]}")
        for setting, (actual, right) in each.settings.items():
            lines.append(f"topic {name}: {setting} is {actual}, should be {right}")
    return lines
