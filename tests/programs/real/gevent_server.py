from gevent import monkey

monkey.patch_all()

import sys

from gevent.pywsgi import WSGIServer

from wsgi_app import app

WSGIServer(("127.0.0.1", int(sys.argv[1])), app, log=None).serve_forever()
