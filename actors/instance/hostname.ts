/** The name an instance has for itself. */
import type { InstanceBody } from '../api.ts'

/** What it was given, or what its name makes. */
export const hostnameOf = ({ about, name, id }: Pick<InstanceBody, 'about' | 'name' | 'id'>): string =>
  about?.hostname ?? (hostnameFrom(name) || `Server-${id}`)

/** Nova's rule: lower case, what a host name may not have becomes a dash or goes. */
const hostnameFrom = (name: string): string =>
  name
    .toLowerCase()
    .replace(/[ _]/g, '-')
    .replace(/[^\w.-]+/g, '')
    .replace(/^[.-]+|[.-]+$/g, '')
    .slice(0, 63)
