"""Asks for URLs all the time, and prints at the end how many answers there were and which were not 200.

A program, to be run where the load balancer can be reached: SECONDS URL… Ends by itself, or at SIGTERM.
"""

import asyncio
import json
import signal
import sys
from collections import Counter

import aiohttp

CONNECTIONS = 4
PAUSE = 0.005


async def main(seconds: float, urls: list[str]) -> None:
    """Ask until it is over."""
    over = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, over.set)
    loop.call_later(seconds, over.set)
    answers: Counter[str] = Counter()
    connector = aiohttp.TCPConnector(limit=CONNECTIONS)
    timeout = aiohttp.ClientTimeout(total=10)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:

        async def ask(number: int) -> None:
            while not over.is_set():
                try:
                    async with session.get(urls[number % len(urls)]) as response:
                        answers[str(response.status)] += 1
                except (aiohttp.ClientError, TimeoutError) as error:
                    answers[type(error).__name__] += 1
                number += 1
                await asyncio.sleep(PAUSE)

        await asyncio.gather(*(ask(number) for number in range(CONNECTIONS)))
    sys.stdout.write(json.dumps(answers) + "\n")


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]), sys.argv[2:]))
