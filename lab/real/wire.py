"""A bad cable: passes Ethernet frames between two interfaces, late, or not at all.

Runs alone, in the namespace of the lab's bridge: ``python wire.py INTERFACE INTERFACE LOSS DELAY``, with the loss in
percent and the delay in milliseconds. In user space, because netem, which the kernel has for this, is missing from many
kernels.
"""

from __future__ import annotations

import heapq
import random
import select
import socket
import sys
import time

ETH_P_ALL = 3
SOL_PACKET = 263
PACKET_VNET_HDR = 15
PACKET_IGNORE_OUTGOING = 23
"""From linux/if_packet.h. With PACKET_VNET_HDR each frame comes with what its sender left to the network card
(checksum, segmentation), and goes out with it again; without it such frames would be lost."""

LARGEST = 65536 + 64


def open_end(interface: str) -> socket.socket:
    """A socket that gets the frames which come in on an interface, and sends out on it."""
    end = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    end.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    end.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    end.bind((interface, ETH_P_ALL))
    return end


def carry(first: socket.socket, second: socket.socket, loss: float, delay: float) -> None:
    """Pass frames both ways until an interface goes away.

    Args:
        first: one end.
        second: the other end.
        loss: probability that a frame is dropped, in each direction.
        delay: seconds that a frame takes, in each direction.
    """
    other = {first: second, second: first}
    waiting: list[tuple[float, int, socket.socket, bytes]] = []
    number = 0
    while True:
        timeout = max(0.0, waiting[0][0] - time.monotonic()) if waiting else None
        readable, _, _ = select.select([first, second], [], [], timeout)
        for end in readable:
            frame = end.recv(LARGEST)
            if random.random() >= loss:
                number += 1
                heapq.heappush(waiting, (time.monotonic() + delay, number, other[end], frame))
        while waiting and waiting[0][0] <= time.monotonic():
            _, _, end, frame = heapq.heappop(waiting)
            end.send(frame)


if __name__ == "__main__":
    carry(open_end(sys.argv[1]), open_end(sys.argv[2]), float(sys.argv[3]) / 100, float(sys.argv[4]) / 1000)
