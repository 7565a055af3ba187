"""A post office in memory that keeps a copy of every byte, and loses what it is told to lose."""

from __future__ import annotations

from collections import deque


class PostOffice:
    """The server's side; ``node`` gives a participant's."""

    def __init__(self):
        self.keys = {}  # connected node -> its public key
        self.boxes = {}
        self.done = {}  # message id -> reply
        self.owner = {}  # message id -> node
        self.everything = []  # every body in either direction
        self.num_pushed = 0

    def connect(self, node, key):
        self.keys[node] = key
        self.boxes.setdefault(node, deque())

    def disconnect(self, node):
        """The node is gone; what waited for it has failed."""
        self.keys.pop(node, None)
        for message_id, _ in self.boxes.pop(node, ()):
            self.done[message_id] = None

    def nodes(self):
        return dict(self.keys)

    def push(self, node, body):
        self.num_pushed += 1
        message_id = f"message-{self.num_pushed}"
        self.everything.append(body)
        self.owner[message_id] = node
        self.boxes[node].append((message_id, body))
        return message_id

    def replies(self, message_ids):
        return {each: self.done.pop(each) for each in message_ids if each in self.done}

    def node(self, node):
        return Box(self, node)


class Box:
    def __init__(self, office, node):
        self.office = office
        self.node = node

    def pull(self):
        box = self.office.boxes.get(self.node)
        return box.popleft() if box else None

    def answer(self, message_id, body):
        assert message_id not in self.office.done
        self.office.everything.append(body)
        self.office.done[message_id] = body
