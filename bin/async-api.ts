/** docs/asyncapi.yaml: the messages of the console and of remote consoles as an AsyncAPI 3.0 document, made of the schemas that check them. */
import { stringify } from 'yaml'
import { CLOSE, ClientMessage, CONSOLE_PATH, PROTOCOL, ServerMessage } from '../transport/console/messages.ts'
import { TOPICS } from '../transport/console/queries.ts'
import { GUEST_PROTOCOL, REMOTE_CLOSE, REMOTE_CONSOLE_PATH } from '../transport/remote-console/messages.ts'
import { GuestMessage, GuestNoticeSchema } from '../transport/remote-console/schemas.ts'

const ALL = { ...ClientMessage, ...ServerMessage, ...GuestMessage, ...GuestNoticeSchema }
const refTo = (channel: string) => ({ $ref: `#/channels/${channel}` })
const refsTo = (channel: string, names: readonly string[]) => names.map(name => ({ $ref: `#/channels/${channel}/messages/${name}` }))

/** Messages by name; what is sent and what is received under the same name (ping, pong) does not occur. */
function messages(schemas: Readonly<Record<string, object>>): Record<string, object> {
  return Object.fromEntries(
    Object.entries(schemas).map(([name, schema]) => [
      name,
      { contentType: 'application/json', summary: Reflect.get(schema, 'description'), payload: { $ref: `#/components/schemas/${name}` } },
    ]),
  )
}

const topics = (): string =>
  Object.entries(TOPICS)
    .map(([name, { about, params }]) => `- ${name}: ${about}${params.length > 0 ? `; takes ${params.join(', ')}` : ''}`)
    .join('\n')

const closes = (codes: Readonly<Record<string, { readonly code: number; readonly why: string }>>): string =>
  Object.values(codes)
    .map(({ code, why }) => `- ${code}: ${why}`)
    .join('\n')

export function asyncApiDocument(): string {
  const document = {
    asyncapi: '3.0.0',
    info: {
      title: 'The console of Baton',
      version: '1',
      description: `Topics:\n${topics()}\n\nCodes with which a connection is closed:\n${closes(CLOSE)}\n\nSee docs/console-protocol.md.`,
    },
    servers: { gateway: { host: '127.0.0.1:8774', protocol: 'ws' } },
    channels: {
      console: {
        address: CONSOLE_PATH,
        description: `JSON in text frames; the sub-protocol is ${PROTOCOL}.`,
        messages: messages({ ...ClientMessage, ...ServerMessage }),
      },
      remoteConsole: {
        address: `${REMOTE_CONSOLE_PATH}?token={token}`,
        parameters: { token: { description: 'from POST /compute/v2.1/servers/{id}/remote-consoles; good once, for ten minutes' } },
        description: [
          'Bytes of a guest in binary frames, both ways: a serial line, or RFB (RFC 6143). The sub-protocol is binary, or none.',
          `With ${GUEST_PROTOCOL} there are also these, as JSON in text frames.`,
          `Codes with which it is closed:\n${closes(REMOTE_CLOSE)}`,
        ].join('\n\n'),
        messages: messages({ ...GuestMessage, ...GuestNoticeSchema }),
      },
    },
    operations: {
      fromClient: { action: 'receive', channel: refTo('console'), messages: refsTo('console', Object.keys(ClientMessage)) },
      fromGateway: { action: 'send', channel: refTo('console'), messages: refsTo('console', Object.keys(ServerMessage)) },
      toGuest: { action: 'receive', channel: refTo('remoteConsole'), messages: refsTo('remoteConsole', Object.keys(GuestMessage)) },
      fromGuest: { action: 'send', channel: refTo('remoteConsole'), messages: refsTo('remoteConsole', Object.keys(GuestNoticeSchema)) },
    },
    // As JSON: the schemas are more than their data to the program.
    components: { schemas: JSON.parse(JSON.stringify(ALL)) },
  }
  const origin = '# Made by `npm run docs` of transport/console/messages.ts and transport/remote-console/schemas.ts.'
  return `${origin}\n${stringify(document, { aliasDuplicateObjects: false, lineWidth: 140 })}`
}
