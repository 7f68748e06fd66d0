import socket

from sweep.listening import listening, resolve


def test_small_answers_are_sent_at_once():
    """Else each waits up to 40 ms for the client's acknowledgement: asyncio asks a socket whether it is TCP's."""
    with listening(resolve("127.0.0.1", 0)) as (listener,), socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.proto == socket.IPPROTO_TCP
