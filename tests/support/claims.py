"""What every test of the running programs needs: a folder, a vhost, services."""

import os
import shutil
import tempfile
import unittest

from support.broker import Broker, shared_broker
from support.service import History, Streaming
from support.stores import remove_stores_in, store_in


class Claims(unittest.TestCase):
    """A test method's name is a claim; what it starts ends with it."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="flixtube-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.addCleanup(remove_stores_in, self.folder)

    def vhost(self):
        """The AMQP URL of a vhost of this test's own on the shared broker."""
        url = shared_broker().add_vhost()
        self.addCleanup(shared_broker().remove_vhost, url)
        return url

    def own_broker(self, *options):
        """A broker that this test may kill."""
        broker = Broker.start_in(os.path.join(self.folder, "broker"), *options)
        self.addCleanup(broker.stop)
        return broker

    def other_store(self, name):
        """A second store beside that of history()."""
        return store_in(self.folder, name)

    def history(self, rabbit, **settings):
        return self._started(History(self.folder, RABBIT=rabbit, **settings))

    def streaming(self, rabbit, **settings):
        return self._started(Streaming(self.folder, RABBIT=rabbit, **settings))

    def _started(self, service):
        self.addCleanup(service.stop)
        return service.start()
