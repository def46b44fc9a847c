"""A mail server for the tests: prints what it takes, a line of JSON for each mail, as another parser than ours reads it.

    server.py PORT [--tls CERTIFICATE KEY] [--starttls CERTIFICATE KEY] [--login USER PASSWORD] [--hold]

There is nobody at nobody@…, and busy@… is busy. With --hold each mail is taken and the answer is never given.
"""

import argparse
import asyncio
import email
import email.policy
import json
import ssl

from aiosmtpd.smtp import SMTP, AuthResult


class Mailbox:
    def __init__(self, hold):
        self.hold = hold

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody@"):
            return "550 5.1.1 there is nobody of that name"
        if address.startswith("busy@"):
            return "451 4.3.0 try again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        message = email.message_from_bytes(envelope.original_content, policy=email.policy.default)
        mail = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "headers": [[name, str(value)] for name, value in message.items()],
            "text": message.get_content(),
            "encrypted": session.ssl is not None or isinstance(server.transport.get_extra_info("sslcontext"), ssl.SSLContext),
            "login": bool(session.authenticated),
        }
        print("mail " + json.dumps(mail), flush=True)
        if self.hold:
            await asyncio.sleep(3600)
        return "250 taken"


def context(files):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(*files)
    return made


async def main():
    options = argparse.ArgumentParser()
    options.add_argument("port", type=int)
    options.add_argument("--tls", nargs=2)
    options.add_argument("--starttls", nargs=2)
    options.add_argument("--login", nargs=2)
    options.add_argument("--hold", action="store_true")
    options = options.parse_args()

    def login(server, session, envelope, mechanism, data):
        known = [data.login.decode(), data.password.decode()] == options.login
        return AuthResult(success=known, handled=False)

    def connection():
        return SMTP(
            Mailbox(options.hold),
            enable_SMTPUTF8=True,
            tls_context=context(options.starttls) if options.starttls else None,
            authenticator=login if options.login else None,
            auth_required=bool(options.login),
            auth_require_tls=bool(options.starttls),
        )

    tls = context(options.tls) if options.tls else None
    server = await asyncio.get_running_loop().create_server(connection, "127.0.0.1", options.port, ssl=tls)
    print(f"taking mail at 127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


asyncio.run(main())
