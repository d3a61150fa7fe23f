import pytest

from lithograph.resilience.complaint import anything_said, complaint_of


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("<html>\n<head><title>502 Bad Gateway</title></head>\n<body>", "502 Bad Gateway"),
        ("<p>upstream <b>timed out</b></p>", "upstream timed out"),
        ("plain\n words ", "plain words"),
        ({}, ""),
        (None, ""),
        ([], ""),
        ({"error": "model 'x' not found"}, "model 'x' not found"),
        ({"object": "error", "message": "no such model", "type": "invalid_model"}, "no such model"),
        ({"object": "error", "message": {"detail": [{"msg": "field required"}]}}, "field required"),
        ({"detail": "Model x is not supported."}, "Model x is not supported."),
        (
            {"error": {"message": "Provider returned error", "metadata": {"raw": "slow\ndown"}}},
            "Provider returned error: slow down",
        ),
        (
            {"error": {"message": "Provider returned error", "metadata": {"raw": '{"error": {"message": "gone"}}'}}},
            "Provider returned error: gone",
        ),
        (
            {"error": {"message": "Provider returned error", "metadata": {"raw": "{broken"}}},
            "Provider returned error: {broken",
        ),
    ],
)
def test_the_message_is_what_the_provider_says(body: object, message: str) -> None:
    assert anything_said({}, body).message == message


def test_a_long_message_is_cut_and_its_text_is_not() -> None:
    complaint = anything_said({}, {"error": "word " * 100 + "end"})
    assert len(complaint.message) == 300
    assert complaint.message.endswith("…")
    assert complaint.text.endswith("end")


def test_codes_are_found_wherever_they_stand() -> None:
    error = {
        "code": "A",
        "type": "b",
        "status": 400,
        "innererror": {"code": "C"},
        "details": [{"reason": "D"}, {"violations": [{"quotaId": "PerDay"}]}, {"retryDelay": "26s"}],
    }
    complaint = anything_said({"x-amzn-errortype": "E:http://example.org"}, {"error": error})
    assert complaint.codes == {"a", "b", "400", "c", "d", "e"}
    assert complaint.quotas == ("PerDay",)
    assert complaint.delays == ("26s",)


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "m"}},
        {"error": "m"},
        {"type": "error", "error": {"message": "m"}},
        {"object": "error", "message": "m"},
        {"type": "response.failed", "response": {"error": {"message": "m"}}},
        {"choices": [{"error": {"message": "m"}}]},
        [{"error": {"message": "m"}}],
    ],
)
def test_an_error_object_is_found_in_any_shape(body: object) -> None:
    complaint = complaint_of({}, body)
    assert complaint is not None
    assert complaint.message == "m"


@pytest.mark.parametrize("body", [None, "m", {"message": "m"}, {"detail": "m"}, {"error": None}, {"choices": [None]}])
def test_what_holds_no_error_object_complains_of_nothing(body: object) -> None:
    assert complaint_of({}, body) is None


def test_a_body_that_is_nested_without_end_is_looked_into_only_so_far() -> None:
    body: object = "deep"
    for _ in range(5000):
        body = {"error": body, "details": [body]}
    assert anything_said({}, body).message == ""
