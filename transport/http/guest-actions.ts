/**
 * Server actions that are about the guest from outside: crash dumps, consoles, and what a network service would do. Also the newer path for
 * consoles, and their tokens.
 */
import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import { BatonError } from '../../actors/kernel/errors.ts'
import { CHANGES, type ChangeName, has } from './changes.ts'
import { COMPUTE, type HttpContext } from './context.ts'
import { badRequest, notFound, printable } from './errors.ts'
import { Id, type IdParams } from './schemas.ts'
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

/** Does the action that `body` asks for, if it is one of these. Resolves to whether it was. Rejects with what Nova says where there is no network. */
export async function actOnGuest(context: HttpContext, rawId: string, body: GuestAction, minor: number): Promise<boolean> {
  const name = (Object.keys(GUEST_ACTIONS) as (keyof GuestAction)[]).find(each => each in body)
  if (name === undefined) return false
  const { since: from, until: to } = VERSIONS[name] ?? {}
  if ((from && minor < CHANGES[from].since) || (to && has(minor, to))) throw new BatonError('NotFound', 'The resource could not be found.')
  const { id } = await livingInstance(context, rawId)
  if (name === 'trigger_crash_dump') {
    await context.api.triggerCrashDump({ id })
    return true
  }
  const asked = body['os-getVNCConsole'] ?? body['os-getSPICEConsole'] ?? body['os-getRDPConsole'] ?? body['os-getSerialConsole']
  if (asked) return noConsole(context, rawId, asked.type)
  if (name === 'addSecurityGroup' || name === 'removeSecurityGroup') {
    throw new BatonError('NotFound', `Instance ${id} has no port to which a security group could be applied: there is no network service.`)
  }
  throw badRequest(`Instance ${id} has no addresses: there is no network service.`)
}

/** A server must be on a host to have a console; and of that host's driver it depends which. None has one that can be connected to yet. */
async function noConsole(context: HttpContext, rawId: string, type: string): Promise<never> {
  const { id, host } = await livingInstance(context, rawId)
  if (host === null) throw new BatonError('Conflict', `Instance ${id} is on no host yet, so it has no console.`)
  const { driver } = await context.api.getHost({ id: host })
  throw badRequest(`Unavailable console type ${printable(type)}: the driver ${driver} has none. Its output is read with os-getConsoleOutput.`)
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
      return noConsole(context, request.params.id, type)
    },
  )

  // No console was given out, so no token is one of a console. Before the change it was for consoles of a driver that Nova has no more.
  app.get<{ Params: IdParams }>(`${COMPUTE}/os-console-auth-tokens/:id`, async request => {
    if (!has(request.novaMinor, 'consoles.tokens')) throw badRequest('RDP consoles are not there any more.')
    throw notFound('Console token', request.params.id)
  })
}
