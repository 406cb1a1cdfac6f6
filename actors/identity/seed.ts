/** What every cluster begins with: a domain, a project, an admin, four roles, and the services that Baton is. */
import { type Assignment, DEFAULT_DOMAIN, type Resource } from './api.ts'
import { BUILTIN_ROLES } from './roles.ts'

type Seed = Omit<Resource, 'createdAt'>

const ADMIN = 'admin'
/** Whatever was made before there were identities is of this project. */
const PROJECT = 'default'
const REGION = 'RegionOne'

/** In the URL of an endpoint: where the client reached the gateway, as Keystone's `$(public_endpoint)s`. */
export const ORIGIN = '$(public_endpoint)s'

const SERVICES = [
  ['compute', 'nova', '/compute/v2.1'],
  ['identity', 'keystone', '/identity'],
  ['image', 'glance', '/image'],
  ['placement', 'placement', '/placement'],
] as const

const seed = (kind: Seed['kind'], id: string, name: string, attributes: Seed['attributes'] = {}, domain: string | null = null): Seed => ({
  ...{ id, kind, name, domain, enabled: true, attributes },
})

export const SEED: { readonly resources: readonly Seed[]; readonly assignments: readonly Assignment[] } = {
  resources: [
    seed('domain', DEFAULT_DOMAIN, 'Default', { description: 'The default domain' }),
    seed('project', PROJECT, ADMIN, { description: 'The first project' }, DEFAULT_DOMAIN),
    seed('user', ADMIN, ADMIN, { default_project_id: PROJECT }, DEFAULT_DOMAIN),
    ...BUILTIN_ROLES.map(role => seed('role', role, role)),
    seed('region', REGION, '', { description: '', parent_region_id: null }),
    ...SERVICES.map(([type, name]) => seed('service', name, name, { type, description: '' })),
    ...SERVICES.map(([, name, path]) =>
      seed('endpoint', `${name}-public`, '', { service_id: name, region_id: REGION, interface: 'public', url: `${ORIGIN}${path}` }),
    ),
  ],
  assignments: [
    { user: ADMIN, role: ADMIN, target: { type: 'project', id: PROJECT } },
    { user: ADMIN, role: ADMIN, target: { type: 'system' } },
  ],
}
