import msgspec
import pytest

from lithograph.errors import InputError
from lithograph.extraction.prompts.messages import (
    TASKS,
    EntitiesPrompt,
    JointPrompt,
    MentionsPrompt,
    OfferedClass,
    OfferedProperty,
    ProbePrompt,
    Prompt,
    RelationsPrompt,
    prompt_in,
    task_of,
    text_of,
)

PERSON, KNOWS = OfferedClass("Person"), OfferedProperty("knows", "", ("Person",), ("Person",))
PROMPTS: tuple[Prompt, ...] = (
    MentionsPrompt((PERSON,), "Ada knew Bob."),
    EntitiesPrompt((PERSON,), (), ("Ada knew", "Bob."), ()),
    RelationsPrompt((KNOWS,), (), "Ada knew Bob."),
    JointPrompt((PERSON,), (KNOWS,), "Ada knew Bob."),
    ProbePrompt(),
)


def test_a_prompt_is_one_object_of_data_that_names_its_task_and_can_be_read_again() -> None:
    assert tuple(map(task_of, PROMPTS)) == TASKS
    for prompt in PROMPTS:
        content = msgspec.json.encode(prompt).decode()
        assert msgspec.json.decode(content)["task"] == task_of(prompt)
        assert prompt_in(content) == prompt
    assert list(map(text_of, PROMPTS)) == ["Ada knew Bob.", "Ada knew\nBob.", "Ada knew Bob.", "Ada knew Bob.", ""]


def test_what_is_not_said_takes_no_tokens_and_ends_are_called_from_and_to() -> None:
    assert msgspec.json.encode(PERSON) == b'{"name":"Person"}'
    assert msgspec.json.encode(KNOWS) == b'{"name":"knows","from":["Person"],"to":["Person"]}'


@pytest.mark.parametrize("content", ["Ada knew Bob.", "{", "[]", '{"a": 1}', '{"task": "translate"}', " {}"])
def test_what_has_no_task_of_ours_is_no_prompt(content: str) -> None:
    assert prompt_in(content) is None


def test_a_prompt_that_is_not_of_its_tasks_shape_is_an_error() -> None:
    with pytest.raises(InputError, match=r"not a prompt of its task: .*`classes`"):
        prompt_in('{"task": "mentions", "text": "Ada"}')
