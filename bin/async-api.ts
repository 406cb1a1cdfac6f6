/** docs/asyncapi.yaml: the messages of the console as an AsyncAPI 3.0 document, made of the schemas that check them. */
import { stringify } from 'yaml'
import { CLOSE, ClientMessage, CONSOLE_PATH, PROTOCOL, ServerMessage } from '../transport/console/messages.ts'
import { TOPICS } from '../transport/console/queries.ts'

const CHANNEL = '#/channels/console'
const refsTo = (names: readonly string[]) => names.map(name => ({ $ref: `${CHANNEL}/messages/${name}` }))

/** One message by name; what is sent and what is received under the same name (ping, pong) does not occur. */
function messages(): Record<string, object> {
  return Object.fromEntries(
    Object.entries({ ...ClientMessage, ...ServerMessage }).map(([name, schema]) => [
      name,
      { contentType: 'application/json', summary: Reflect.get(schema, 'description'), payload: { $ref: `#/components/schemas/${name}` } },
    ]),
  )
}

const topics = (): string =>
  Object.entries(TOPICS)
    .map(([name, { about, params }]) => `- ${name}: ${about}${params.length > 0 ? `; takes ${params.join(', ')}` : ''}`)
    .join('\n')

const closes = (): string =>
  Object.values(CLOSE)
    .map(({ code, why }) => `- ${code}: ${why}`)
    .join('\n')

export function asyncApiDocument(): string {
  const document = {
    asyncapi: '3.0.0',
    info: {
      title: 'The console of Baton',
      version: '1',
      description: `Topics:\n${topics()}\n\nCodes with which a connection is closed:\n${closes()}\n\nSee docs/console-protocol.md.`,
    },
    servers: { gateway: { host: '127.0.0.1:8774', protocol: 'ws' } },
    channels: {
      console: {
        address: CONSOLE_PATH,
        description: `JSON in text frames; the sub-protocol is ${PROTOCOL}.`,
        messages: messages(),
      },
    },
    operations: {
      fromClient: { action: 'receive', channel: { $ref: CHANNEL }, messages: refsTo(Object.keys(ClientMessage)) },
      fromGateway: { action: 'send', channel: { $ref: CHANNEL }, messages: refsTo(Object.keys(ServerMessage)) },
    },
    // As JSON: the schemas are more than their data to the program.
    components: { schemas: JSON.parse(JSON.stringify({ ...ClientMessage, ...ServerMessage })) },
  }
  return `# Made by \`npm run docs\` of transport/console/messages.ts.\n${stringify(document, { aliasDuplicateObjects: false, lineWidth: 140 })}`
}
