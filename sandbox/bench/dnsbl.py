"""A sweep of blocklists: how fast beside pydnsbl, and how near to dnsperf, which does not think."""

import gc
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, Final

import uvloop
from django.conf import settings
from django.core.management.base import CommandParser

from blacklist.catalogue_reading import shipped
from sandbox.bench import dnsbl_rivals as rivals
from sandbox.bench.result import Result
from sandbox.bench.sinks import free_port, wait_for
from wire.dnsbl import Clean, Kind, Listed, Notice, Rule, Target, Watch, target
from wire.dnsbl import Result as Said

HOST: Final = "127.0.0.1"
FIRST_IP: Final = IPv4Address("198.18.0.1")  # RFC 2544: for benchmarks
CROWD_LISTS: Final = 40
PARALLEL: Final = 64
SMALL_ROUNDS: Final = 8  # a sweep takes a blink, in which a machine may be busy elsewhere
TIMES_FASTER, SHARE_OF_DNSPERF, CROWD_SECONDS = 5.0, 0.5, 300.0
LISTED_EVERY: Final = 50  # of the resources, so many are on each list


@dataclass(frozen=True, slots=True)
class Sweep:
    """What one sweep took and found; `wrong` results differ from what the lists hold."""

    questions: int
    listed: int
    wrong: int
    seconds: float
    cpu_seconds: float

    @property
    def per_second(self) -> float:
        return self.questions / self.seconds


def add_arguments(parser: CommandParser) -> None:
    parser.add_argument("--ips", type=int, default=137, help="asked on all default lists")
    parser.add_argument("--domains", type=int, default=10, help="asked on all default lists")
    parser.add_argument("--crowd", type=int, default=10_000, help="IPs asked on 40 lists")
    parser.add_argument("--rounds", type=int, default=3, help="of which the fastest counts")
    parser.add_argument("--no-rival", action="store_true", help="without pydnsbl and dnsperf")


def run(options: Mapping[str, Any]) -> Result:
    """Rounds of all take turns, so that a busy machine is busy for all."""
    targets = addresses(options["ips"])
    targets += [target(f"bench{number}.example") for number in range(options["domains"])]
    alone, rounds = options["no_rival"], options["rounds"]
    with tempfile.TemporaryDirectory(prefix="hatobin-rivals-") as made:
        if not alone:
            rivals.install(Path(made))
        beside = None if alone else Path(made)
        sweeps, pydnsbl = beside_pydnsbl(targets, rounds * SMALL_ROUNDS, beside)
        crowds, dnsperf = beside_dnsperf(addresses(options["crowd"]), rounds, beside)
    return judge(sweeps, pydnsbl, crowds, dnsperf)


def addresses(count: int) -> list[Target]:
    return [target(str(FIRST_IP + number)) for number in range(count)]


def beside_pydnsbl(
    targets: Sequence[Target], rounds: int, directory: Path | None
) -> tuple[list[Sweep], list[rivals.Figures]]:
    """Sweeps over the default lists; the rival is in the directory, if there is one."""
    sweeps, pydnsbl = [], []
    with server(default_rules(), targets) as port:
        work = rival_work(targets, port)
        for _ in range(rounds):
            sweeps.append(one_sweep(default_rules(), targets, port))
            if directory is not None:
                pydnsbl.append(rivals.pydnsbl(directory, work))
    return sweeps, pydnsbl


def beside_dnsperf(
    crowd: Sequence[Target], rounds: int, directory: Path | None
) -> tuple[list[Sweep], list[float | None]]:
    """Sweeps over many lists of one kind; the questions for the rival go into the directory."""
    sweeps, dnsperf = [], []
    with server(crowd_rules(), crowd) as port:
        for _ in range(rounds):
            sweeps.append(one_sweep(crowd_rules(), crowd, port))
            if directory is not None:
                write_questions(directory / "questions", crowd)
                dnsperf.append(rivals.dnsperf(HOST, port, directory / "questions"))
    return sweeps, dnsperf


def judge(
    sweeps: Sequence[Sweep],
    pydnsbl: Sequence[rivals.Figures],
    crowds: Sequence[Sweep],
    dnsperf: Sequence[float | None],
) -> Result:
    """All right, and fast enough beside those rivals that ran."""
    sweep, crowd = _fastest(sweeps), _fastest(crowds)
    rival = min(pydnsbl, key=lambda one: one.seconds, default=None)
    limit = max((speed for speed in dnsperf if speed), default=None)
    times = rival.seconds / sweep.seconds if rival else None
    share = crowd.per_second / limit if limit else None
    wrong = sum(one.wrong for one in (*sweeps, *crowds))
    figures = {
        **_figures("", sweep),
        "wrong": wrong,
        **_beside(rival, sweep),
        **_figures("crowd_", crowd),
        "dnsperf_per_second": _rounded(limit),
        "share_of_dnsperf": _rounded(share),
    }
    fast = (times or TIMES_FASTER) >= TIMES_FASTER and (share or 1.0) >= SHARE_OF_DNSPERF
    ok = not wrong and fast and max(one.seconds for one in crowds) <= CROWD_SECONDS
    return Result(figures, ok, [f"{name:24} {value}" for name, value in figures.items()])


def default_rules() -> list[Rule]:
    """The lists that are watched from the start, without their rates: the box has none."""
    entries = [entry for entry in shipped().lists.values() if entry.default]
    rules = [entry.rule(key="benchkey" if entry.key else "") for entry in entries]
    return [replace(rule, per_second=0.0, per_day=0, parallel=PARALLEL) for rule in rules]


def crowd_rules() -> list[Rule]:
    """Lists of one kind, as many as the bar says."""
    return [
        Rule(
            name=f"bl{number}.bench.example",
            zone=f"bl{number}.bench.example",
            kinds=frozenset({Kind.ip4}),
            codes={"127.0.0.2": "listed"},
            listed={Kind.ip4: "127.0.0.2"},
            unlisted={Kind.ip4: "127.0.0.1"},
            parallel=PARALLEL,
        )
        for number in range(CROWD_LISTS)
    ]


def entries(rule: Rule, targets: Sequence[Target]) -> dict[str, str]:
    """What a list holds: every so many of the resources that it may hold."""
    return {one.text: code_of(rule) for one in _fitting(rule, targets)[::LISTED_EVERY]}


def code_of(rule: Rule) -> str:
    """An answer that is a listing there."""
    return next(iter(rule.codes), "127.0.0.2")


@contextmanager
def server(rules: Sequence[Rule], targets: Sequence[Target]) -> Iterator[int]:
    """The box's nameserver with these lists, in a process of its own; its port."""
    points = {
        rule.zone: {
            "tests": dict.fromkeys(rule.listed.values(), code_of(rule)),
            "entries": entries(rule, targets),
        }
        for rule in rules
    }
    port = free_port(HOST)
    process = subprocess.Popen(
        [sys.executable, "-m", "sandbox.bench.dnsbl_server", HOST, str(port)],
        cwd=settings.BASE_DIR, stdin=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdin is not None
        process.stdin.write(json.dumps(points))
        process.stdin.close()
        wait_for(HOST, port, seconds=30)
        yield port
    finally:
        process.terminate()
        process.wait()


def one_sweep(rules: Sequence[Rule], targets: Sequence[Target], port: int) -> Sweep:
    """All lists, self-tests included, by a watch that knows nothing yet."""
    gc.collect()
    gc.freeze()  # what Django holds is no work of a sweep; pydnsbl's process holds none of it
    try:
        return uvloop.run(_sweep(rules, targets, port))
    finally:
        gc.unfreeze()


async def _sweep(rules: Sequence[Rule], targets: Sequence[Target], port: int) -> Sweep:
    heard: list[tuple[Rule, Target, Said]] = []

    def tell(notice: Notice) -> None:
        raise RuntimeError(f"{notice.list or notice.resolver} went out of use: {notice.why}")

    def seen(rule: Rule, one: Target, said: Said) -> None:
        heard.append((rule, one, said))

    began, cpu = time.perf_counter(), time.process_time()
    async with Watch([(HOST, port)], tell=tell) as watch:
        await watch.sweep([(rule, targets) for rule in rules], seen)
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    held = {rule.name: entries(rule, targets) for rule in rules}
    return Sweep(
        questions=len(heard),
        listed=sum(isinstance(said, Listed) for _, _, said in heard),
        wrong=sum(not is_right(said, one.text in held[rule.name]) for rule, one, said in heard),
        seconds=seconds,
        cpu_seconds=cpu,
    )


def is_right(said: Said, listed: bool) -> bool:
    return isinstance(said, Listed if listed else Clean)


def rival_work(targets: Sequence[Target], port: int) -> rivals.Work:
    """The same questions, as pydnsbl is asked them."""
    rules = default_rules()
    return rivals.Work(
        host=HOST,
        port=port,
        ips=[one.text for one in targets if one.kind is Kind.ip4],
        ip_lists=[rule.zone for rule in rules if Kind.ip4 in rule.kinds],
        domains=[one.text for one in targets if one.kind is Kind.domain],
        domain_lists=[rule.zone for rule in rules if Kind.domain in rule.kinds],
    )


def write_questions(file: Path, targets: Sequence[Target]) -> None:
    """The questions of the crowd's sweep, in dnsperf's form."""
    with file.open("w", encoding="ascii") as out:
        for rule in crowd_rules():
            for one in targets:
                reverse = ".".join(reversed(one.text.split(".")))
                out.write(f"{reverse}.{rule.zone} A\n")


def _fitting(rule: Rule, targets: Sequence[Target]) -> list[Target]:
    return [one for one in targets if one.kind in rule.kinds]


def _fastest(sweeps: Sequence[Sweep]) -> Sweep:
    return min(sweeps, key=lambda one: one.seconds)


def _figures(prefix: str, sweep: Sweep) -> dict[str, object]:
    return {
        f"{prefix}questions": sweep.questions,
        f"{prefix}seconds": round(sweep.seconds, 3),
        f"{prefix}cpu_seconds": round(sweep.cpu_seconds, 3),
        f"{prefix}per_second": round(sweep.per_second),
        f"{prefix}listed": sweep.listed,
    }


def _beside(rival: rivals.Figures | None, sweep: Sweep) -> dict[str, object]:
    """The rival's figures, and how they compare; None for all of them where it did not run."""
    return {
        "pydnsbl_seconds": _rounded(rival.seconds if rival else None),
        "pydnsbl_cpu_seconds": _rounded(rival.cpu_seconds if rival else None),
        "pydnsbl_listed": rival.listed if rival else None,
        "pydnsbl_failed": rival.failed if rival else None,
        "times_faster": _rounded(rival.seconds / sweep.seconds if rival else None),
        "times_less_cpu": _rounded(rival.cpu_seconds / sweep.cpu_seconds if rival else None),
    }


def _rounded(figure: float | None) -> float | None:
    return None if figure is None else round(figure, 2)
