"""The parsing processes from the other half's side: who says what cannot be is not believed."""

import select
import subprocess
import sys
import time

from tests.live.world import PATIENCE

from backchannel.catalogue import index
from backchannel.flows.settings import FlowSettings
from backchannel.live.crew import Member
from backchannel.live.messages import Done, Stop, Task

LIE = """
import select, time
from backchannel.catalogue import index
from backchannel.flows.settings import FlowSettings
from backchannel.live import framing
from backchannel.live.crew import Crew
from backchannel.live.messages import Done, Stop, Task
from backchannel.live.sockets import Capture

def refuse(number, report):
    raise framing.Broken("an event nobody knows")

task = Task(captures=(), settings=FlowSettings(), index=index.load())
crew = Crew([Capture(interface="vb", blocks=4)], task)
first, end = crew.members[0].process, time.monotonic() + 60
while not crew.notices and time.monotonic() < end:
    select.select([crew.fileno()], [], [], 1)
    crew.hear(refuse)
print(crew.notices, first.poll())
while not crew.ready and time.monotonic() < end:
    select.select([crew.fileno()], [], [], 1)
    crew.hear(lambda number, report: None)
print(crew.ready, crew.members[0].process.pid != first.pid, crew.failed)
crew.members[0].process.kill()
crew.close()
"""


def test_a_parser_that_says_what_cannot_be_is_ended_and_replaced(world):
    made = world.start(sys.executable, "-c", LIE, stdout=subprocess.PIPE)
    told, _ = made.communicate(timeout=2 * PATIENCE)
    notices, state = told.splitlines()
    assert "parser 0 died (it said what cannot be: an event nobody knows)" in notices
    assert notices.endswith(" -9")
    assert state == "True True False"


def test_a_parser_whose_last_words_nobody_heard_ends_all_the_same():
    """Its connection ends with an error then, because bytes were left in it."""
    member = Member(0, Task(captures=(), settings=FlowSettings(), index=index.load()))
    assert select.select([member.socket], [], [], PATIENCE)[0]
    assert member.close() == 0


def test_a_command_that_comes_with_the_task_is_obeyed():
    member = Member(0, Task(captures=(), settings=FlowSettings(), index=index.load()))
    member.tell(Stop())
    told, end = [], time.monotonic() + PATIENCE
    while not told or not isinstance(told[-1], Done):
        assert time.monotonic() < end
        told += member.hear()
    assert member.close() == 0
