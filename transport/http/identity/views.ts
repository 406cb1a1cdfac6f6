/** Identity in Keystone's shapes. */
import type { Assignment, Claims, Kind, Resource } from '../../../actors/identity/api.ts'

const V3 = '/identity/v3'

/** In the URL of an endpoint: where the client reached us. */
const ORIGIN = '$(public_endpoint)s'

/** The word for one, and for many, which is also the path. */
export const WORDS: Readonly<Record<Kind, readonly [one: string, many: string]>> = {
  domain: ['domain', 'domains'],
  project: ['project', 'projects'],
  user: ['user', 'users'],
  group: ['group', 'groups'],
  role: ['role', 'roles'],
  application_credential: ['application_credential', 'application_credentials'],
  region: ['region', 'regions'],
  service: ['service', 'services'],
  endpoint: ['endpoint', 'endpoints'],
}

export const pathOf = (kind: Kind): string => `${V3}/${WORDS[kind][1]}`

/** Microseconds, as Keystone writes them. */
export const keystoneTime = (ms: number): string => new Date(ms).toISOString().replace(/(\.\d{3})Z$/, '$1000Z')

/** The end of an application credential, in which Keystone leaves the zone out. `ms` has microseconds as fractions. */
const credentialTime = (ms: number): string =>
  `${new Date(Math.floor(ms)).toISOString().slice(0, -1)}${String(Math.round((ms - Math.floor(ms)) * 1000)).padStart(3, '0')}`

const urlFor = (url: unknown, origin: string): string => String(url ?? '').replaceAll(ORIGIN, origin)

export function resourceView({ id, kind, name, domain, enabled, attributes }: Resource, origin: string): Record<string, unknown> {
  const self = kind === 'application_credential' ? `${V3}/users/${attributes.user_id}/application_credentials/${id}` : `${pathOf(kind)}/${id}`
  const common = { id, ...attributes, links: { self: `${origin}${self}` } }
  switch (kind) {
    case 'domain':
      return { description: '', tags: [], options: {}, ...common, name, enabled }
    case 'project':
      return { description: '', tags: [], options: {}, is_domain: false, parent_id: domain, ...common, name, domain_id: domain, enabled }
    case 'user':
      return { options: {}, password_expires_at: null, ...common, name, domain_id: domain, enabled }
    case 'group':
      return { description: '', ...common, name, domain_id: domain }
    case 'role':
      return { description: null, options: {}, ...common, name, domain_id: domain }
    case 'region':
      return { description: '', parent_region_id: null, ...common }
    case 'service':
      return { ...common, name, enabled }
    case 'endpoint':
      return { ...common, region: attributes.region_id, url: urlFor(attributes.url, origin), enabled }
    case 'application_credential': {
      const until = attributes.expires_at
      const roles = Array.isArray(attributes.roles) ? attributes.roles.map(role => ({ id: role, name: role })) : []
      return { description: null, ...common, name, roles, expires_at: typeof until === 'number' ? credentialTime(until) : null }
    }
  }
}

export function catalogView({ services, endpoints }: { services: readonly Resource[]; endpoints: readonly Resource[] }, origin: string): object[] {
  return services
    .filter(service => service.enabled)
    .map(service => ({
      id: service.id,
      type: service.attributes.type,
      name: service.name,
      endpoints: endpoints
        .filter(e => e.enabled && e.attributes.service_id === service.id)
        .map(({ id, attributes: { interface: face, region_id: region, url } }) => ({
          ...{ id, interface: face, region, region_id: region, url: urlFor(url, origin) },
        })),
    }))
}

/** The body of a token; `catalog` is left out of one without a scope, and where it is not wanted. */
export function tokenView({ audit, user, methods, scope, roles, credential, issuedAt, expiresAt }: Claims, catalog: object[] | null): object {
  const common = {
    methods,
    user: { ...user, password_expires_at: null },
    audit_ids: audit,
    expires_at: keystoneTime(expiresAt),
    issued_at: keystoneTime(issuedAt),
    ...(credential ? { application_credential: { id: credential.id, restricted: credential.restricted } } : {}),
  }
  if (scope.type === 'none') return common
  const { type, ...place } = scope
  const scoped = type === 'system' ? { system: { all: true } } : type === 'domain' ? { domain: place } : { project: place, is_domain: false }
  return { ...common, ...scoped, roles, ...(catalog === null ? {} : { catalog }) }
}

export function assignmentView(
  { user, group, role, target, inherited }: Assignment,
  origin: string,
  nameOf: (kind: Kind, id: string) => object,
): object {
  const place = target.type === 'system' ? 'system' : `${target.type}s/${target.id}`
  const [kind, id] = user === undefined ? (['group', group] as const) : (['user', user] as const)
  const grant = `${place}/${kind}s/${id}/roles/${role}`
  const assignment = `${origin}${V3}/${inherited ? `OS-INHERIT/${grant}/inherited_to_projects` : grant}`
  return {
    role: nameOf('role', role),
    [kind]: nameOf(kind, id),
    scope: {
      ...(target.type === 'system' ? { system: { all: true } } : { [target.type]: nameOf(target.type, target.id) }),
      ...(inherited ? { 'OS-INHERIT:inherited_to': 'projects' } : {}),
    },
    links: { assignment },
  }
}

/** What a role implies, in Keystone's words. */
export const inferenceView = (prior: Resource, implied: readonly Resource[], origin: string) => ({
  prior_role: roleReference(prior, origin),
  implies: implied.map(role => roleReference(role, origin)),
})

export const roleReference = ({ id, name }: Resource, origin: string) => ({ id, name, links: { self: `${origin}${pathOf('role')}/${id}` } })

export const versionView = (origin: string) => ({
  id: 'v3.14',
  status: 'stable',
  updated: '2020-04-07T00:00:00Z',
  links: [{ rel: 'self', href: `${origin}${V3}/` }],
  'media-types': [{ base: 'application/json', type: 'application/vnd.openstack.identity-v3+json' }],
})
