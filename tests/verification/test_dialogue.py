# SPDX-License-Identifier: Apache-2.0
"""A script as it is played: when the target is asked, what tools answer, what is expected and what is carried."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.verification.bundles import leak_bundle

from safeconduct.domain.bundle import AttackScript, Canary, Pattern, Speaker, Step
from safeconduct.domain.script import Carry, Tool, ToolCall, ToolCalled
from safeconduct.errors import MalformedError
from safeconduct.verification.dialogue import MAX_CALLS, MAX_CARRIED, MAX_ROUNDS, NO_SUCH_TOOL, Ask, Dialogue
from safeconduct.verification.oracles import Reply
from safeconduct.verification.variants import Gap, Turn, conversation

MAIL = Tool(name="read_mail", about="Reads the newest letter.", result="Hello!\n{{prompt}}")


def script_of(*steps: Step, tools: tuple[Tool, ...] = (), turns: tuple[str, ...] = ("PROMPT",)) -> tuple[Turn, ...]:
    """Return the conversation of the steps with the variant in it."""
    attack: AttackScript = replace(leak_bundle().attack, steps=steps, tools=tools)
    return conversation(attack, turns)


def user(template: str = "{{prompt}}", **more: object) -> Step:
    return Step(role=Speaker.USER, template=template, **more)


def asked(dialogue: Dialogue) -> Ask:
    """Return what is sent next, which there must be."""
    ask = dialogue.next_ask()
    assert ask is not None
    return ask


def texts(ask: Ask) -> list[tuple[str, str]]:
    return [(turn.role.value, turn.text) for turn in ask.turns]


def test_the_target_is_asked_after_each_user_s_turn_with_all_that_came_before_it() -> None:
    system = Step(role=Speaker.SYSTEM, template="Be brief.")
    given = Step(role=Speaker.ASSISTANT, template="Yes?")
    dialogue = Dialogue(script_of(system, user("Hello."), given, user(), user("And?")))

    first = asked(dialogue)
    dialogue.hear(Reply(text="no"))
    second = asked(dialogue)
    dialogue.hear(Reply(text="no"))

    assert texts(first) == [("system", "Be brief."), ("user", "Hello."), ("assistant", "Yes?"), ("user", "PROMPT")]
    assert texts(second) == [("user", "And?")]
    assert dialogue.next_ask() is None


def test_words_that_nobody_answers_are_not_sent() -> None:
    dialogue = Dialogue(script_of(user(), Step(role=Speaker.ASSISTANT, template="Bye.")))

    assert dialogue.next_ask() is None


def test_a_reply_to_nothing_changes_nothing() -> None:
    dialogue = Dialogue(script_of(user()))

    dialogue.hear(Reply(text="hm"))

    assert texts(asked(dialogue)) == [("user", "PROMPT")]


def test_a_call_in_the_assistant_s_name_brings_the_poisoned_document() -> None:
    tool = Step(
        role=Speaker.TOOL, template="Dear assistant, {{prompt}}", tool="read_mail", arguments={"folder": "inbox"}
    )
    ask = asked(Dialogue(script_of(user("Read my mail."), tool)))

    assert texts(ask) == [("user", "Read my mail."), ("tool", "Dear assistant, PROMPT")]
    assert ask.turns[1].call == ToolCall(tool="read_mail", arguments={"folder": "inbox"}, id="step_2")
    assert ask.turns[0].call is None
    assert not ask.is_answer


def test_a_document_comes_with_its_step() -> None:
    ask = asked(Dialogue(script_of(user("Sum it up.", document="Report. {{prompt}}"), turns=("one", "two"))))

    assert [(turn.text, turn.document) for turn in ask.turns] == [("Sum it up.", "Report. one\ntwo")]


def test_the_target_s_calls_are_answered_with_the_scripted_results() -> None:
    dialogue = Dialogue(script_of(user("Read my mail."), user("Thanks."), tools=(MAIL,)))

    first = asked(dialogue)
    calls = (ToolCall(tool="read_mail", id="a"), ToolCall(tool="send_money", id="b"))
    dialogue.hear(Reply(text="", calls=calls))
    answer = asked(dialogue)
    dialogue.hear(Reply(text="It says hello."))

    assert [tool.name for tool in first.tools] == ["read_mail"]
    assert answer.is_answer
    assert [(turn.call, turn.text) for turn in answer.turns] == [
        (calls[0], "Hello!\nPROMPT"),
        (calls[1], NO_SUCH_TOOL),
    ]
    assert texts(asked(dialogue)) == [("user", "Thanks.")]


def test_calls_without_tools_on_offer_are_words() -> None:
    dialogue = Dialogue(script_of(user(), user("And?")))

    asked(dialogue)
    dialogue.hear(Reply(text="[]", calls=(ToolCall(tool="x"),)))

    assert texts(asked(dialogue)) == [("user", "And?")]


def test_an_agent_that_calls_without_end_is_left() -> None:
    dialogue = Dialogue(script_of(user(), user("And?"), tools=(MAIL,)))

    count = 0
    while dialogue.next_ask():
        count += 1
        dialogue.hear(Reply(text="", calls=(ToolCall(tool="read_mail", id=str(count)),)))

    assert count == MAX_ROUNDS + 1


def test_an_agent_that_calls_too_much_at_once_is_left() -> None:
    dialogue = Dialogue(script_of(user(), tools=(MAIL,)))

    asked(dialogue)
    dialogue.hear(Reply(text="", calls=(ToolCall(tool="read_mail"),) * (MAX_CALLS + 1)))

    assert dialogue.next_ask() is None


@pytest.mark.parametrize(
    ("reply", "goes_on"), [(Reply(text="Sure, here it is"), True), (Reply(text="I cannot do that"), False)]
)
def test_the_script_goes_on_only_while_the_reply_is_as_expected(reply: Reply, *, goes_on: bool) -> None:
    dialogue = Dialogue(script_of(user(expect=(Canary(text="Sure"),)), user("And now?")))

    asked(dialogue)
    dialogue.hear(reply)

    assert (dialogue.next_ask() is not None) is goes_on


@pytest.mark.parametrize("tool", ["read_mail", "delete_mail"])
def test_a_call_can_be_expected_however_long_it_is_ago(tool: str) -> None:
    expect = (ToolCalled(tool="read_mail", arguments={"n": "^[0-9]+$"}),)
    dialogue = Dialogue(script_of(user("Read.", expect=expect), user(), tools=(MAIL,)))

    asked(dialogue)
    dialogue.hear(Reply(text="", calls=(ToolCall(tool=tool, arguments={"n": 3}),)))
    asked(dialogue)
    dialogue.hear(Reply(text="done"))

    assert (dialogue.next_ask() is not None) is (tool == "read_mail")


def test_every_expectation_must_hold() -> None:
    expect = (Canary(text="yes"), Pattern(pattern="[0-9]"))
    dialogue = Dialogue(script_of(user(expect=expect), user("And?")))

    asked(dialogue)
    dialogue.hear(Reply(text="yes"))

    assert dialogue.next_ask() is None


def test_of_a_step_in_several_turns_the_last_reply_is_expected() -> None:
    dialogue = Dialogue(script_of(user(expect=(Canary(text="yes"),)), user("And?"), turns=("one", "two")))

    asked(dialogue)
    dialogue.hear(Reply(text="go on"))
    assert texts(asked(dialogue)) == [("user", "two")]
    dialogue.hear(Reply(text="yes"))

    assert texts(asked(dialogue)) == [("user", "And?")]


def test_what_a_reply_says_is_carried_into_later_steps_as_words() -> None:
    carry = (Carry(name="code", pattern="code ([^ ]+)"),)
    dialogue = Dialogue(script_of(user(carry=carry), user("{{code}}: {{prompt}}, {{code}}, {{other}}")))

    asked(dialogue)
    dialogue.hear(Reply(text="my code {{code}}{{prompt}} is"))

    assert texts(asked(dialogue)) == [("user", "{{code}}{{prompt}}: PROMPT, {{code}}{{prompt}}, {{other}}")]


def test_a_variable_in_the_prompt_itself_is_words() -> None:
    carry = (Carry(name="code", pattern="([0-9]+)"),)
    script = script_of(user("Hi", carry=carry), user("{{prompt}} {{code}}"), turns=("{{code}}",))
    dialogue = Dialogue(script)

    asked(dialogue)
    dialogue.hear(Reply(text="42"))

    assert texts(asked(dialogue)) == [("user", "{{code}} 42")]


def test_a_carried_value_has_an_end() -> None:
    dialogue = Dialogue(script_of(user(carry=(Carry(name="all", pattern="(x+)"),)), user("{{all}}")))

    asked(dialogue)
    dialogue.hear(Reply(text="x" * 10_000))

    assert texts(asked(dialogue)) == [("user", "x" * MAX_CARRIED)]


def test_a_script_ends_where_there_is_nothing_to_carry() -> None:
    dialogue = Dialogue(script_of(user(carry=(Carry(name="code", pattern="([0-9]+)"),)), user("{{code}}")))

    asked(dialogue)
    dialogue.hear(Reply(text="no digits"))

    assert dialogue.next_ask() is None


def test_a_variable_that_nothing_carried_is_refused() -> None:
    turn = Turn(role=Speaker.USER, text="x", gaps=(Gap(at=0, name="code"),))

    with pytest.raises(MalformedError) as caught:
        Dialogue([turn]).next_ask()

    assert caught.value.facts == {"missing": ["code"]}


@pytest.mark.parametrize("pattern", ["no group", "(a)(b)", "(a", "(a*)", r"(a)\1"])
def test_an_expression_that_cannot_carry_is_refused(pattern: str) -> None:
    dialogue = Dialogue(script_of(user(carry=(Carry(name="x", pattern=pattern),))))

    asked(dialogue)
    with pytest.raises(MalformedError):
        dialogue.hear(Reply(text="a"))


@given(
    template=st.lists(st.sampled_from(["{{prompt}}", "{{code}}", "{{other}}", "x", "{{", "}}", " "]), max_size=8).map(
        "".join
    ),
    prompt=st.text(max_size=20),
    carried=st.text(alphabet="ab{}0", min_size=1, max_size=10),
)
def test_every_place_of_a_template_is_filled_once(template: str, prompt: str, carried: str) -> None:
    carry = (Carry(name="code", pattern="(?s)<(.+)>"),)
    dialogue = Dialogue(script_of(user("Hi", carry=carry), user(template), turns=(prompt,)))

    asked(dialogue)
    dialogue.hear(Reply(text=f"<{carried}>"))

    values = {"{{prompt}}": prompt, "{{code}}": carried}
    parts = re.split(r"(\{\{prompt\}\}|\{\{code\}\})", template)
    assert texts(asked(dialogue)) == [("user", "".join(values.get(part, part) for part in parts))]


@given(
    script=st.lists(
        st.builds(
            Turn,
            role=st.sampled_from(Speaker),
            text=st.text(max_size=5),
            tools=st.sampled_from([(), (MAIL,)]),
            expect=st.sampled_from([(), (Canary(text="a"),)]),
        ),
        max_size=12,
    ),
    said=st.lists(
        st.builds(
            Reply,
            text=st.sampled_from(["", "a", "b"]),
            calls=st.lists(st.builds(ToolCall, tool=st.sampled_from(["read_mail", "x"])), max_size=3).map(tuple),
        ),
        min_size=1,
        max_size=5,
    ),
)
def test_every_script_ends_and_sends_each_turn_once_at_most(script: list[Turn], said: list[Reply]) -> None:
    dialogue, sent, asks = Dialogue(script), [], 0

    while ask := dialogue.next_ask():
        sent += [] if ask.is_answer else list(ask.turns)
        assert ask.turns[-1].role in {Speaker.USER, Speaker.TOOL}
        dialogue.hear(said[asks % len(said)])
        asks += 1

    assert asks <= len(script) * (MAX_ROUNDS + 1)
    assert sent == script[: len(sent)]
