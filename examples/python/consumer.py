"""Prints the shop's events: python consumer.py [TYPE ...]"""

import asyncio, json, os, sys

import aio_pika

EXCHANGE = os.environ.get("GOZON_AMQP_PREFIX", "") + "gozon.events"


async def main(types):
    connection = await aio_pika.connect_robust(os.environ["AMQP_URL"])
    async with connection, connection.channel() as channel:
        exchange = await channel.get_exchange(EXCHANGE)
        # Gone with this program. A durable queue with a name misses nothing while it is away.
        queue = await channel.declare_queue(exclusive=True)
        for type in types or ["#"]:
            await queue.bind(exchange, routing_key=type)
        print("listening", flush=True)
        async for message in queue:
            async with message.process():  # acknowledges at the end, requeues never
                cause = message.headers.get("cloudEvents_causationid")
                event = {"id": message.message_id, "cause": cause, **json.loads(message.body)}
                print(message.routing_key, json.dumps(event), flush=True)


asyncio.run(main(sys.argv[1:]))
