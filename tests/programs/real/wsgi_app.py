from work import hot_handler


def app(environ, start_response):
    body = b"%d\n" % (hot_handler() > 0)
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
