"""Slots: how many calls may be out at the same time."""


class Slots:
    """Half as many when a provider says that it is too much, one more for every success, never more than `full`.

    A round is the calls between two halvings. A call from an earlier round says nothing about how many are allowed
    now: without this, the twenty calls that meet one limit would halve twenty times.
    """

    def __init__(self, full: int) -> None:
        self.full = self.allowed = full
        self.taken = 0
        self._round = 0

    @property
    def free(self) -> bool:
        """Whether one more may go out."""
        return self.taken < self.allowed

    def take(self) -> int:
        """Take a slot and return the round that it belongs to; the caller has seen that one is free."""
        self.taken += 1
        return self._round

    def give_back(self) -> None:
        """Give one slot back."""
        self.taken -= 1

    def succeeded(self, number: int) -> None:
        """Raise what is allowed for a call of round `number`."""
        if number == self._round:
            self.allowed = min(self.full, self.allowed + 1)

    def limited(self, number: int) -> None:
        """Halve what is allowed for a call of round `number`, and begin the next round."""
        if number == self._round:
            self.allowed = max(1, self.allowed // 2)
            self._round += 1
