/** Every view by its name in the URL, in the order of the navigation. */
import type { ComponentType } from 'preact'
import type { Route } from './route.ts'
import { Create } from './views/create.tsx'
import { Doctor } from './views/doctor.tsx'
import { Events } from './views/events.tsx'
import { Hosts } from './views/hosts.tsx'
import { Instances } from './views/instances.tsx'
import { Operations } from './views/operations.tsx'
import { Overview } from './views/overview.tsx'
import { Queues } from './views/queues.tsx'
import { Topology } from './views/topology.tsx'

export interface View {
  /** Empty: it is reached from another. */
  readonly title: string
  readonly role: 'reader' | 'member' | 'admin'
  readonly draw: ComponentType<{ route: Route }>
}

export const VIEWS: Readonly<Record<string, View>> = {
  overview: { title: 'Overview', role: 'admin', draw: Overview },
  instances: { title: 'Instances', role: 'reader', draw: Instances },
  operations: { title: 'Operations', role: 'reader', draw: Operations },
  hosts: { title: 'Hosts', role: 'admin', draw: Hosts },
  queues: { title: 'Queues', role: 'admin', draw: Queues },
  events: { title: 'Events', role: 'reader', draw: Events },
  doctor: { title: 'Doctor', role: 'admin', draw: Doctor },
  topology: { title: 'Topology', role: 'admin', draw: Topology },
  create: { title: '', role: 'member', draw: Create },
}
