"""Errors a caller can act on; each subclass's docstring is its default message."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """One thing that is wrong with one field of a request.

    `field` is the path in the request as a caller spells it (`user.birthday`); `description` is a sentence for a person.
    """

    field: str
    description: str


class DomainError(Exception):
    """The request could not be fulfilled."""

    #: Name of the gRPC status code; the edge maps it, the domain knows no gRPC.
    code: ClassVar[str] = "UNKNOWN"

    def __init__(self, message: str | None = None, *, metadata: Mapping[str, str] | None = None) -> None:
        self.message = message or _docstring(type(self))
        #: Facts a program may read from ErrorInfo. Never personal data.
        self.metadata = dict(metadata or {})
        super().__init__(self.message)

    @property
    def reason(self) -> str:
        """Stable, for programs (google.rpc.ErrorInfo.reason)."""
        return reason_of(self)


class InvalidArgument(DomainError):
    """The request has mistakes."""

    code = "INVALID_ARGUMENT"

    def __init__(self, violations: Sequence[FieldViolation] | str = (), *, metadata: Mapping[str, str] | None = None) -> None:
        self.violations: tuple[FieldViolation, ...] = () if isinstance(violations, str) else tuple(violations)
        message = violations if isinstance(violations, str) else " ".join(v.description for v in violations)
        super().__init__(message, metadata=metadata)


class Review:
    """Collects the mistakes of all fields, so that a caller learns of them at once."""

    def __init__(self, *mistakes: type[Exception]) -> None:
        """`mistakes` are errors whose text tells a person what is wrong, beside InvalidArgument."""
        self._mistakes = mistakes
        self._violations: list[FieldViolation] = []

    def __call__(self, field: str, fallback: T, rule: Callable[[], T]) -> T:
        """Return what the rule returns; if it finds a mistake, note it under the field and go on with the fallback.

        The violations of an InvalidArgument keep the fields they name.
        """
        try:
            return rule()
        except InvalidArgument as error:
            self.add(error.violations or [FieldViolation(field, error.message)])
        except self._mistakes as mistake:
            self.add([FieldViolation(field, sentence(str(mistake)))])
        return fallback

    def add(self, violations: Iterable[FieldViolation]) -> None:
        self._violations.extend(violations)

    def finish(self) -> None:
        """Raise InvalidArgument if there was any mistake."""
        if self._violations:
            raise InvalidArgument(self._violations)


class NotFound(DomainError):
    """The resource does not exist."""

    code = "NOT_FOUND"


class AlreadyExists(DomainError):
    """A resource with this value exists already."""

    code = "ALREADY_EXISTS"

    def __init__(self, message: str | None = None, *, fields: Sequence[str] = (), metadata: Mapping[str, str] | None = None) -> None:
        super().__init__(message, metadata=metadata)
        #: Those that others have already, as callers spell them.
        self.fields = fields


class Aborted(DomainError):
    """The resource has changed meanwhile: read it again and repeat the change."""

    code = "ABORTED"


class FailedPrecondition(DomainError):
    """The resource is not in a state that allows this."""

    code = "FAILED_PRECONDITION"


class PermissionDenied(DomainError):
    """The caller may not do this."""

    code = "PERMISSION_DENIED"


class Unauthenticated(DomainError):
    """The caller has not said who it is."""

    code = "UNAUTHENTICATED"


class ResourceExhausted(DomainError):
    """A limit is reached: try again later."""

    code = "RESOURCE_EXHAUSTED"


class Unavailable(DomainError):
    """A part that is needed does not answer: try again shortly."""

    code = "UNAVAILABLE"


class DeadlineExceeded(DomainError):
    """The time allowed for the request is over."""

    code = "DEADLINE_EXCEEDED"


def reason_of(error: BaseException) -> str:
    """The name of the error's class in UPPER_SNAKE_CASE: all of an error that may be shown, for its words may quote anything."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type(error).__name__).upper()


def sentence(said: str) -> str:
    """Return what is said, beginning with a capital where it begins with a word, and ending as a sentence does."""
    return said[:1].upper() + said[1:] + ("" if said.endswith((".", "?")) else ".")


def _docstring(cls: type[DomainError]) -> str:
    return " ".join((cls.__doc__ or DomainError.__doc__ or "").split())
