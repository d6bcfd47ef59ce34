"""Short hand for tests of one session against a scripted server."""

from tests.support.post import SOURCE, letter
from tests.support.smtp_script import scripted
from wire.calling import Door
from wire.letters import Policy, TlsMode
from wire.outcomes import Conversation
from wire.security import Contexts
from wire.smtp import Session, open_session

POLICY = Policy(connect_timeout=2, command_timeout=5, data_timeout=5, loopback_only=True)
# Where the timeout is what is tested.
HASTY = Policy(connect_timeout=2, command_timeout=0.1, data_timeout=0.1, loopback_only=True)


async def knock(script, *, source=SOURCE, policy=POLICY, **door):
    return await open_session(
        Door(**{"host": "fake.example", "address": script.host, "port": script.port,
                "tls": TlsMode.opportunistic, **door}),
        source=source,
        policy=policy,
        context=Contexts().get(verify=policy.verify_tls, minimum=policy.tls_minimum),
        talk=Conversation(),
    )  # fmt: skip


async def send(replies=None, *batch, context=None, **door):
    """Outcomes of the letters over one session; the script says what it heard."""
    async with scripted(replies, context=context) as script:
        session = await knock(script, **door)
        assert isinstance(session, Session)
        outcomes = []
        for one in batch or (letter(),):
            assert await session.is_ready()
            outcomes.append(await session.deliver(one))
        await session.close()
    return outcomes[0] if len(outcomes) == 1 else outcomes, script
