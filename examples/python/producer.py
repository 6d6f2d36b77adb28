"""Asks payments to decide about an order: python producer.py ORDER USER AMOUNT [CURRENCY]"""

import asyncio, json, os, sys, uuid

import aio_pika

EXCHANGE = os.environ.get("GOZON_AMQP_PREFIX", "") + "gozon.events"


async def main(order, user, amount, currency="RUB"):
    connection = await aio_pika.connect(os.environ["AMQP_URL"])
    async with connection, connection.channel(on_return_raises=True) as channel:
        exchange = await channel.get_exchange(EXCHANGE)
        data = {"order_id": order, "user_id": user, "amount": int(amount), "currency": currency}
        attributes = {"specversion": "1.0", "type": "order_created", "id": str(uuid.uuid4()),
                      "source": "/python", "subject": order, "partitionkey": order}
        message = aio_pika.Message(
            json.dumps(data).encode(), content_type="application/json",
            message_id=attributes["id"], delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
            headers={"cloudEvents_" + name: value for name, value in attributes.items()})
        # Returns when RabbitMQ has it; fails when nobody would get it.
        await exchange.publish(message, routing_key=attributes["type"], mandatory=True)
        print(attributes["id"])


asyncio.run(main(*sys.argv[1:]))
