"""Where an ask stands: a state of its own beside its incident's, whose rule knows nothing of the target."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from alerts.model.outreach_model import Advice, AdviceKind
from grid.text import Text


class AskState(Enum):
    """Where the asking of one incident stands."""

    ASKING = "asking"
    """Doors are being knocked at, or will be."""
    WAITING = "waiting"
    """Nobody has to go anywhere now: the readings have to show what was promised, or that the target holds."""
    SHORT = "short"
    """Everybody who may be asked was asked, and it is not enough: the duty desk has to do something else."""
    ENOUGH = "enough"
    """The target is met and expected to hold. Who takes part goes on until the release says otherwise."""
    RELEASING = "releasing"
    """Those who take part are told, a few at a time, that they may switch back."""
    OVER = "over"
    """Nobody is asked and nobody waits for a word any more."""

    @property
    def is_going_on(self) -> bool:
        """Return whether somebody may still have to do something."""
        return self is not AskState.OVER

    @property
    def sends_people(self) -> bool:
        """Return whether doors may still be knocked at."""
        return self in (AskState.ASKING, AskState.WAITING, AskState.SHORT)


@dataclass(frozen=True)
class Ask:
    """The state of one incident's ask, and since when."""

    incident_id: str
    state: AskState
    since_us: int


def state_after(advice: Advice) -> AskState:
    """Return where an ask stands by the advice after a reading."""
    match advice.kind:
        case AdviceKind.ENOUGH:
            return AskState.ENOUGH
        case AdviceKind.ESCALATE:
            return AskState.SHORT
        case AdviceKind.MORE_DOORS:
            return AskState.ASKING
        case AdviceKind.CONTINUE:
            return AskState.WAITING if advice.wait_minutes > 0.0 else AskState.ASKING


_NAMES = {
    AskState.ASKING: Text("走访中", "asking"),
    AskState.WAITING: Text("等读数", "waiting for readings"),
    AskState.SHORT: Text("走访不够", "not enough by asking"),
    AskState.ENOUGH: Text("已够，保持中", "enough, holding"),
    AskState.RELEASING: Text("分批恢复中", "switching back in turn"),
    AskState.OVER: Text("走访已结束", "asking is over"),
}


def ask_state_name(state: AskState) -> Text:
    """Return how a state is called on screen."""
    return _NAMES[state]
