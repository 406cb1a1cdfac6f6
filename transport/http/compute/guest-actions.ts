/**
 * Server actions that are about the guest from outside: crash dumps, consoles, and what a network service would do. Also the newer path for
 * consoles, and their tokens.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { type Static, Type } from 'typebox'
import type { StreamKind } from '../../../actors/hypervisor/driver.ts'
import { BatonError } from '../../../actors/kernel/errors.ts'
import { REMOTE_CONSOLE_PATH } from '../../remote-console/messages.ts'
import { tokenOf } from '../../remote-console/token.ts'
import { COMPUTE, type HttpContext } from '../context.ts'
import { projectIn } from '../policy/checks.ts'
import { CHANGES, type ChangeName, has } from '../requests/changes.ts'
import { badRequest, notFound, printable } from '../requests/errors.ts'
import { originOf } from '../requests/request.ts'
import { Id, type IdParams } from '../requests/schemas.ts'
import { livingInstance } from './servers.ts'

const only = { additionalProperties: false } as const
const oneOf = (...names: readonly string[]) =>
  Type.String({ pattern: `^(${names.join('|')})$`, description: `it must be ${names.map(name => `'${name}'`).join(' or ')}` })
const console = (...types: readonly string[]) => Type.Optional(Type.Object({ type: oneOf(...types) }, only))
const Address = Type.String({ minLength: 1, maxLength: 45, pattern: '^[0-9a-fA-F:.]+$', description: 'it must be an IP address' })
const GroupName = Type.Optional(Type.Object({ name: Type.String({ minLength: 1, maxLength: 255 }) }, only))

/** Their part of the schema of an action. */
export const GUEST_ACTIONS = {
  trigger_crash_dump: Type.Optional(Type.Null({ description: 'it must be null' })),
  'os-getVNCConsole': console('novnc', 'xvpvnc'),
  'os-getSPICEConsole': console('spice-html5'),
  'os-getRDPConsole': console('rdp-html5'),
  'os-getSerialConsole': console('serial'),
  addFixedIp: Type.Optional(Type.Object({ networkId: Type.Union([Id, Type.Integer()]) }, only)),
  removeFixedIp: Type.Optional(Type.Object({ address: Address }, only)),
  addFloatingIp: Type.Optional(Type.Object({ address: Address, fixed_address: Type.Optional(Address) }, only)),
  removeFloatingIp: Type.Optional(Type.Object({ address: Address }, only)),
  addSecurityGroup: GroupName,
  removeSecurityGroup: GroupName,
}
const Guest = Type.Object(GUEST_ACTIONS)
type GuestAction = Static<typeof Guest>

/** The versions that have an action; outside of them it is a 404, as a path would be. */
const VERSIONS: Readonly<Partial<Record<keyof GuestAction, { readonly since?: ChangeName; readonly until?: ChangeName }>>> = {
  trigger_crash_dump: { since: 'crash-dump' },
  'os-getVNCConsole': { until: 'consoles.remote' },
  'os-getSPICEConsole': { until: 'consoles.remote' },
  'os-getRDPConsole': { until: 'consoles.remote' },
  'os-getSerialConsole': { until: 'consoles.remote' },
  addFixedIp: { until: 'addresses.gone' },
  removeFixedIp: { until: 'addresses.gone' },
  addFloatingIp: { until: 'addresses.gone' },
  removeFloatingIp: { until: 'addresses.gone' },
}

/**
 * Does the action that `body` asks for, if it is one of these. Resolves to what is answered, undefined for 202; null when it is none of
 * these. Rejects with what Nova says where there is no network.
 */
export async function actOnGuest(
  context: HttpContext,
  request: FastifyRequest,
  rawId: string,
  body: GuestAction,
): Promise<{ readonly answer?: object } | null> {
  const minor = request.novaMinor
  const name = (Object.keys(GUEST_ACTIONS) as (keyof GuestAction)[]).find(each => each in body)
  if (name === undefined) return null
  const { since: from, until: to } = VERSIONS[name] ?? {}
  if ((from && minor < CHANGES[from].since) || (to && has(minor, to))) throw new BatonError('NotFound', 'The resource could not be found.')
  const { id } = await livingInstance(context, rawId)
  if (name === 'trigger_crash_dump') {
    await context.api.triggerCrashDump({ id })
    return {}
  }
  const asked = body['os-getVNCConsole'] ?? body['os-getSPICEConsole'] ?? body['os-getRDPConsole'] ?? body['os-getSerialConsole']
  if (asked) return { answer: { console: { type: asked.type, url: await consoleUrl(context, request, rawId, asked.type) } } }
  if (name === 'addSecurityGroup' || name === 'removeSecurityGroup') {
    throw new BatonError('NotFound', `Instance ${id} has no port to which a security group could be applied: there is no network service.`)
  }
  throw badRequest(`Instance ${id} has no addresses: there is no network service.`)
}

/** What Nova calls them. The others are of proxies that there are none of here. */
const STREAMS: Readonly<Record<string, StreamKind>> = { serial: 'serial', novnc: 'vnc' }

/**
 * A URL by which a console can be opened once: of a serial line a WebSocket, of a screen a page to look at it with. There the token stands
 * behind the `#`, so it comes into no log on its way. Rejects `Conflict` when the server is on no host.
 */
async function consoleUrl(context: HttpContext, request: FastifyRequest, rawId: string, type: string): Promise<string> {
  const { id, host } = await livingInstance(context, rawId)
  if (host === null) throw new BatonError('Conflict', `Instance ${id} is on no host yet, so it has no console.`)
  const kind = STREAMS[type]
  const ticket = kind === undefined ? null : await ticketFor(context, request, id, kind)
  if (!ticket) {
    const { driver } = await context.api.getHost({ id: host })
    throw badRequest(`Unavailable console type ${printable(type)}: the driver ${driver} has none. Its output is read with os-getConsoleOutput.`)
  }
  const token = tokenOf(ticket.host, ticket.ticket)
  const origin = originOf(request)
  return kind === 'vnc' ? `${origin}/#/screen?token=${token}` : `${origin.replace(/^http/, 'ws')}${REMOTE_CONSOLE_PATH}?token=${token}`
}

/** Null where the driver of the host has no such console. */
async function ticketFor({ api }: HttpContext, request: FastifyRequest, id: string, kind: StreamKind) {
  const { claims } = request
  const by = { user: claims?.user.id ?? null, project: claims ? projectIn(claims) : null, requestId: request.id }
  try {
    return await api.consoleTicket({ id, kind, by })
  } catch (error) {
    if (error instanceof BatonError && error.code === 'DriverUnsupported') return null
    throw error
  }
}

const RemoteConsole = Type.Object(
  {
    remote_console: Type.Object(
      {
        protocol: oneOf('vnc', 'spice', 'serial', 'rdp', 'mks'),
        type: oneOf('novnc', 'xvpvnc', 'spice-html5', 'serial', 'rdp-html5', 'webmks'),
      },
      only,
    ),
  },
  only,
)

export function consoleRoutes(app: FastifyInstance, context: HttpContext): void {
  app.post<{ Params: IdParams; Body: Static<typeof RemoteConsole> }>(
    `${COMPUTE}/servers/:id/remote-consoles`,
    { schema: { body: RemoteConsole }, config: { since: 'consoles.remote' } },
    async request => {
      const { protocol, type } = request.body.remote_console
      if (protocol === 'mks' && !has(request.novaMinor, 'consoles.mks')) {
        throw badRequest(`Invalid input for remote_console.protocol: mks needs microversion 2.${CHANGES['consoles.mks'].since} or later.`)
      }
      return { remote_console: { protocol, type, url: await consoleUrl(context, request, request.params.id, type) } }
    },
  )

  // What Nova tells its proxies of a token: where to connect to. Here there is no such address: the gateway is the proxy, and asks the host
  // itself, which then takes the token for used. Before the change it was for consoles of a driver that Nova has no more.
  app.get<{ Params: IdParams }>(`${COMPUTE}/os-console-auth-tokens/:id`, async request => {
    if (!has(request.novaMinor, 'consoles.tokens')) throw badRequest('RDP consoles are not there any more.')
    throw notFound('Console token', request.params.id)
  })
}
