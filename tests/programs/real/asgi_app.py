from work import hot_handler


async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    body = b"%d\n" % (hot_handler() > 0)
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
