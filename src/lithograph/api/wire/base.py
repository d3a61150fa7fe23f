"""What all of it has in common: values made from attributes, lists that are walked with a cursor, problems."""

from typing import Annotated, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

T = TypeVar("T")


class Wire(BaseModel):
    """A value in an answer, made from the attributes of what it is inside."""

    model_config = ConfigDict(from_attributes=True, frozen=True)


class Asked(BaseModel):
    """The body of a request: what is not known is refused, so that nobody waits for what was only misspelt."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Listing(Wire, Generic[T]):
    """A page of a list; `next` is the `cursor` of the next one, null at the end."""

    items: list[T]
    next: str | None = None


class FieldProblem(Wire):
    """What is wrong with one field of a request."""

    field: str = Field(examples=["body.document"])
    message: str = Field(examples=["Field required"])


class Problem(Wire):
    """What kept a request from being done (RFC 9457)."""

    type: str = Field(examples=["about:blank"])
    title: str = Field(examples=["Not Found"])
    status: int = Field(examples=[404])
    detail: str = Field(examples=["there is no execution execution_00000000000000000000000000000000"])
    errors: list[FieldProblem] | None = None


Name = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
"""What people call something: a line without control characters."""

Id = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9_]+$")]
