/**
 * The messages of the console, `baton.console.v1`: JSON in text frames. One schema each; docs/asyncapi.yaml is made of them, what clients
 * send is checked with them, and the golden samples of every released version must fit them.
 */
import { type Static, type TSchema, Type } from 'typebox'

export const CONSOLE_PATH = '/console'
export const PROTOCOL = 'baton.console.v1'
/** In the list of sub-protocols, before the token. It is never chosen, so it stands in no answer. */
export const TOKEN_PREFIX = 'baton.token.'

const Text = (max: number, description: string) => Type.String({ minLength: 1, maxLength: max, description })
const SubscriptionId = Text(64, 'chosen by the client; names the subscription in every message about it')
const Version = Type.Integer({ minimum: 0, description: 'grows with every change; means something within its epoch only' })
const Epoch = Text(64, 'names one life of what is watched, on one gateway')

const Params = Type.Object(
  {
    id: Type.Optional(Text(256, 'one row, or the instance of a console')),
    project: Type.Optional(Text(256, 'default: the project of the token, or all for who may see all')),
    host: Type.Optional(Text(256, 'instances on this host')),
    vmState: Type.Optional(Text(64, 'instances in this state')),
    name: Type.Optional(Text(255, 'instances of this name')),
    find: Type.Optional(Text(255, 'instances and hosts with this text in their id, name or host')),
    state: Type.Optional(Text(64, 'hosts in this state')),
    mode: Type.Optional(Text(64, 'hosts in this mode')),
    role: Type.Optional(Text(64, 'nodes of this role')),
    node: Type.Optional(Text(256, 'lines of this node')),
    request: Type.Optional(Text(256, 'lines about this request')),
    instance: Type.Optional(Text(256, 'lines about this instance')),
    operation: Type.Optional(Text(256, 'lines about this operation')),
    level: Type.Optional(Text(16, 'lines of this level and worse: debug, info, warn or error')),
    subject: Type.Optional(Text(256, 'operations on this instance or host')),
    kind: Type.Optional(Text(64, 'operations of this kind, or events of actors of this kind')),
    open: Type.Optional(Type.Boolean({ description: 'operations that have not ended, or have' })),
    sort: Type.Optional(Text(64, '`<column>:asc` or `<column>:desc`; default created_at:desc; of hosts also `attention`')),
    after: Type.Optional(Text(256, 'instances that come behind this one, by its id')),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000, description: 'rows of the window; default 1000' })),
  },
  { additionalProperties: false },
)

const message = <T extends string, P extends Record<string, TSchema>>(type: T, description: string, properties: P) =>
  Type.Object({ type: Type.Literal(type), ...properties }, { additionalProperties: false, description })

export const ClientMessage = {
  auth: message(
    'auth',
    'Who this is: the first message where a token is needed and the sub-protocol brought none; later, a token that replaces it.',
    {
      token: Text(8192, 'from POST /identity/v3/auth/tokens'),
    },
  ),
  subscribe: message('subscribe', 'Watches a topic from now on.', {
    id: SubscriptionId,
    topic: Text(64, 'see the table of topics'),
    params: Type.Optional(Params),
    resume: Type.Optional(Type.Object({ epoch: Epoch, version: Version }, { description: 'goes on where an earlier connection ended' })),
  }),
  unsubscribe: message('unsubscribe', 'Ends a subscription. What is on its way still comes.', { id: SubscriptionId }),
  history: message('history', 'Asks once how the cluster looked within the last hour; one question at a time.', {
    id: Text(64, 'chosen by the client; the answer bears it'),
    after: Type.Optional(Type.Integer({ minimum: 0, description: 'what came after this, cluster time in ms; the `at` of the newest sample it has' })),
    epoch: Type.Optional(Text(300, 'of that sample; where it is another now, all is told')),
  }),
  ping: message('ping', 'Asks for a pong.', {}),
} as const

export const ServerMessage = {
  hello: message('hello', 'The first message, as soon as it is known who the client is.', {
    protocol: Type.Literal(1),
    gateway: Type.String({ description: 'the node that answers' }),
    version: Type.String({ description: 'of Baton' }),
    user: Type.Union([Type.String(), Type.Null()], { description: 'name of the user; null where there are no identities' }),
    project: Type.Union([Type.String(), Type.Null()], { description: 'id of the project of the token' }),
    expiresAt: Type.Union([Type.Integer(), Type.Null()], { description: 'end of the token, cluster time in ms' }),
    limits: Type.Object({
      subscriptions: Type.Integer(),
      messageBytes: Type.Integer({ description: 'of a message from a client' }),
      messagesPerSecond: Type.Integer(),
    }),
  }),
  expiring: message('expiring', 'The token ends soon: send another by `auth`, or the connection is closed with 4401.', {
    expiresAt: Type.Integer(),
  }),
  link: message('link', 'Whether what is shown is fresh: the conductors that the gateway does not hear.', {
    silent: Type.Array(Type.String()),
  }),
  snapshot: message('snapshot', 'All rows, in one or several messages; they replace what the client has when `more` is false.', {
    id: SubscriptionId,
    epoch: Epoch,
    version: Version,
    set: Type.Array(Type.Unknown(), { description: 'rows, as in docs/console-protocol.md' }),
    more: Type.Boolean(),
  }),
  delta: message('delta', 'What is different since the version before: new state of rows, and rows that are gone.', {
    id: SubscriptionId,
    version: Version,
    set: Type.Array(Type.Unknown()),
    gone: Type.Array(Type.String(), { description: 'ids' }),
    more: Type.Boolean({ description: 'true when further messages belong to the same version' }),
  }),
  items: message('items', 'What has happened since the version before, in order.', {
    id: SubscriptionId,
    epoch: Epoch,
    version: Version,
    items: Type.Array(Type.Unknown()),
    missed: Type.Integer({ minimum: 0, description: 'items before these that are forgotten' }),
  }),
  history: message('history', 'A part of the last hour, as samples: each has what is different from the one before.', {
    id: Text(64, 'of the question'),
    epoch: Text(300, 'names whose memory this is'),
    isWhole: Type.Boolean({ description: 'it begins anew: what was told before is to be forgotten' }),
    samples: Type.Array(Type.Unknown(), { description: 'as in docs/console-protocol.md, the oldest first' }),
    more: Type.Boolean({ description: 'there is more: ask again, after the last sample' }),
  }),
  error: message('error', 'A message was refused, or a subscription has ended.', {
    id: Type.Optional(SubscriptionId),
    code: Type.String({ description: 'of the table of errors' }),
    message: Type.String(),
    retryAfterMs: Type.Optional(Type.Integer()),
  }),
  pong: message('pong', 'The answer to a ping.', {}),
} as const

export const AnyClientMessage = Type.Union([
  ClientMessage.auth,
  ClientMessage.subscribe,
  ClientMessage.unsubscribe,
  ClientMessage.history,
  ClientMessage.ping,
])
export type AnyClientMessage = Static<typeof AnyClientMessage>
export const AnyServerMessage = Type.Union(Object.values(ServerMessage))

/** Why a connection was closed, beside the codes of RFC 6455. */
export const CLOSE = {
  goingAway: { code: 1001, why: 'the gateway stops; connect again, to any gateway' },
  unsupported: { code: 1003, why: 'binary frames are not spoken here' },
  unread: { code: 1008, why: 'messages were sent but none were read' },
  policy: { code: 1008, why: 'too many messages that were refused' },
  tooBig: { code: 1009, why: 'a message was larger than the limit' },
  overloaded: { code: 1013, why: 'the gateway has as many clients as it takes; try again later' },
  unauthorized: { code: 4401, why: 'no token, or one that is not valid (any more)' },
  authTimeout: { code: 4408, why: 'no token came in time' },
  tooMany: { code: 4429, why: 'more messages in a second than the limit' },
} as const
