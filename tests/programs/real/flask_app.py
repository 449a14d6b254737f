import flask

from work import hot_handler

app = flask.Flask(__name__)


@app.route("/")
def index():
    return "%d\n" % (hot_handler() > 0)
