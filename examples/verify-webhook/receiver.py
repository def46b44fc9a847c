"""Receives webhooks of SK Tickets and verifies them with the official Standard Webhooks library.

    pip install -r requirements.txt
    WEBHOOK_SECRET=whsec_... PORT=9000 python receiver.py
"""

import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks import Webhook, WebhookVerificationError

webhook = Webhook(os.environ["WEBHOOK_SECRET"])


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        # The raw body: what was signed is the bytes, not what they parse to.
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            event = webhook.verify(body, headers)
        except WebhookVerificationError as error:
            print(f"refused: {error}", flush=True)
            self.send_response(400)
        else:
            # Act on it here. Deliveries come at least once: note webhook-id, and do nothing the second time.
            print(f"verified {event['type']} {event['ticket_id']}", flush=True)
            self.send_response(204)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "9000"))), Receiver)
print(f"waiting for webhooks at http://127.0.0.1:{server.server_port}/", flush=True)
server.serve_forever()
