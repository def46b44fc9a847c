"""An agent in Python, by the official MCP client: triage, a retry, a refusal, pages. Prints what it saw as JSON.

TRIAGE_KEY and FULL_KEY are API keys. Given a URL it talks to a server, else it starts `$SERVER mcp` for each key.
"""

import asyncio
import json
import os
import sys

from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import create_mcp_http_client, streamable_http_client

OWNER = "agt_01J9X2M3N4P5Q6R7S8T9VAWBXC"


def connect(key: str, mode: str) -> Client:
    if len(sys.argv) > 2:
        http = create_mcp_http_client(headers={"Authorization": f"Bearer {key}"})
        return Client(streamable_http_client(sys.argv[2], http_client=http), mode=mode)
    server = StdioServerParameters(
        command=os.environ["SERVER"],
        args=["mcp"],
        env={"DATABASE_URL": os.environ["DATABASE_URL"], "SK_TICKETS_KEY": key},
    )
    return Client(stdio_client(server), mode=mode)


async def call(client: Client, tool: str, **arguments):
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content[0].text
    return result.structured_content


async def names(client: Client) -> list[str]:
    return [tool.name for tool in (await client.list_tools()).tools]


async def main(mode: str) -> dict:
    seen = {}
    async with connect(os.environ["TRIAGE_KEY"], mode) as agent:
        seen["protocol"] = agent.protocol_version
        seen["triage_tools"] = await names(agent)
        options = await call(agent, "triage_options")
        claimed = await call(agent, "queue_claim_next", queue=options["queues"][0]["key"], owner_id=OWNER)
        ticket_id = claimed["ticket"]["id"]
        got = await call(agent, "ticket_get", ticket_id=ticket_id)
        await call(
            agent,
            "ticket_triage",
            ticket_id=ticket_id,
            priority="high",
            tags=["spare-part"],
            expected_version=got["ticket"]["version"],
        )
        await call(agent, "ticket_note", ticket_id=ticket_id, body="The supplier ships on Friday")

        # What is not lawful is refused with what would be.
        refused = await agent.call_tool("ticket_transition", {"ticket_id": ticket_id, "to": "new"})
        assert refused.is_error
        seen["refused"] = refused.structured_content
        moved = await call(
            agent, "ticket_transition", ticket_id=ticket_id, to=seen["refused"]["allowed"][0], reason="Waits for the part"
        )
        seen["ticket_id"], seen["status"] = ticket_id, moved["ticket"]["status"]
        seen["resource"] = (await agent.read_resource(f"ticket://{ticket_id}")).contents[0].text
        seen["prompts"] = [prompt.name for prompt in (await agent.list_prompts()).prompts]

    async with connect(os.environ["FULL_KEY"], mode) as agent:
        seen["full_tools"] = await names(agent)
        # The answer is lost, say; so the host calls again.
        replies = [await call(agent, "ticket_reply", ticket_id=ticket_id, body="On its way") for _ in range(2)]
        seen["replies"] = [[reply["entry"]["id"], reply["replayed"]] for reply in replies]

        pages, page = [], await call(agent, "tickets_list", limit=50)
        while page["has_more"]:
            pages.append([card["id"] for card in page["data"]])
            page = await call(agent, "tickets_list", limit=50, cursor=page["next_cursor"])
        pages.append([card["id"] for card in page["data"]])
        seen["pages"] = pages
    return seen


print(json.dumps(asyncio.run(main(sys.argv[1]))))
