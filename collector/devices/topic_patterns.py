"""Topic patterns of the settings: `+` is any one level, `#` at the end any further ones.

`{device_id}` is the level that names the device.
"""

from __future__ import annotations

from dataclasses import dataclass

DEVICE_LEVEL = "{device_id}"


@dataclass(frozen=True)
class TopicPattern:
    """One pattern, such as `tele/{device_id}/SENSOR`."""

    text: str

    def filter(self) -> str:
        """Return the topic filter to subscribe to."""
        return "/".join("+" if level == DEVICE_LEVEL else level for level in self.text.split("/"))

    def fits(self, topic: str) -> bool:
        """Return whether a topic is one of the pattern's."""
        levels, wanted = topic.split("/"), self.text.split("/")
        if wanted[-1] == "#":
            wanted = wanted[:-1]
            if len(levels) < len(wanted):
                return False
            levels = levels[: len(wanted)]
        return len(levels) == len(wanted) and all(
            want in ("+", DEVICE_LEVEL, level) for want, level in zip(wanted, levels, strict=True)
        )

    def device_id(self, topic: str) -> str:
        """Return the level that names the device; of a pattern that has none, the whole topic."""
        wanted = self.text.split("/")
        return topic.split("/")[wanted.index(DEVICE_LEVEL)] if DEVICE_LEVEL in wanted else topic


def fault_of_pattern(pattern: str, *, needs_device: bool) -> str | None:
    """Return what is wrong with a pattern, None for a good one."""
    levels = pattern.split("/")
    if not pattern or len(pattern) > 200 or any(ord(character) < 32 for character in pattern):
        return "is no topic of 1 to 200 characters"
    if "#" in levels[:-1] or any("#" in level and level != "#" for level in levels):
        return "has # elsewhere than at its end"
    if any("+" in level and level != "+" for level in levels):
        return "has + beside other characters of a level"
    if needs_device and levels.count(DEVICE_LEVEL) != 1:
        return "names no device: write {device_id} for the level that does, once"
    if levels[:1] == ["redvest"]:
        return "is of Redvest's own topics"
    return None
