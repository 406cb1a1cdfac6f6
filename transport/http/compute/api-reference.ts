/**
 * The paths of Nova's API reference and what became of each here; `docs/nova-api.md` is made of it. A test compares what is called done
 * with the routes there are.
 */
export type Standing = 'done' | 'partly' | 'missing' | 'not applicable'

export interface ReferenceRow {
  readonly path: string
  readonly methods: string
  readonly standing: Standing
  /** Why, or what is left out. */
  readonly why?: string
}

const rows = (standing: Standing, why: string, list: Readonly<Record<string, string>>): ReferenceRow[] =>
  Object.entries(list).map(([path, methods]) => ({ path, methods, standing, ...(why ? { why } : {}) }))

const NETWORK = 'proxies of a network service; Nova answers 404 after 2.36, Baton always'
const VOLUME = 'proxies of a volume service; Nova answers 404 after 2.36, Baton always'
const GONE = 'removed from Nova itself'

export const API_REFERENCE: readonly ReferenceRow[] = [
  ...rows('done', '', {
    '/': 'GET',
    '/flavors': 'GET POST',
    '/flavors/detail': 'GET',
    '/flavors/:id': 'GET PUT DELETE',
    '/flavors/:id/action': 'POST',
    '/flavors/:id/os-extra_specs': 'GET POST',
    '/flavors/:id/os-extra_specs/:key': 'GET PUT DELETE',
    '/flavors/:id/os-flavor-access': 'GET',
    '/limits': 'GET',
    '/os-aggregates': 'GET POST',
    '/os-aggregates/:id': 'GET PUT DELETE',
    '/os-aggregates/:id/action': 'POST',
    '/os-availability-zone': 'GET',
    '/os-availability-zone/detail': 'GET',
    '/os-hypervisors': 'GET',
    '/os-hypervisors/detail': 'GET',
    '/os-hypervisors/:id': 'GET',
    '/os-hypervisors/statistics': 'GET',
    '/os-hypervisors/:id/search': 'GET',
    '/os-hypervisors/:id/servers': 'GET',
    '/os-keypairs': 'GET POST',
    '/os-keypairs/:name': 'GET DELETE',
    '/os-server-groups': 'GET POST',
    '/os-server-groups/:id': 'GET DELETE',
    '/os-services': 'GET',
    '/os-services/:id': 'PUT DELETE',
    '/servers/detail': 'GET',
    '/servers/:id': 'GET PUT DELETE',
    '/servers/:id/metadata': 'GET POST PUT',
    '/servers/:id/metadata/:key': 'GET PUT DELETE',
    '/servers/:id/tags': 'GET PUT DELETE',
    '/servers/:id/tags/:tag': 'GET PUT DELETE',
    '/servers/:id/migrations': 'GET',
    '/servers/:id/migrations/:migration': 'GET DELETE',
    '/servers/:id/migrations/:migration/action': 'POST',
    '/servers/:id/os-instance-actions/:requestId': 'GET',
    '/servers/:id/os-instance-actions': 'GET',
    '/os-migrations': 'GET',
  }),
  ...rows('done', 'of projects; those of single users are refused: deprecated since 2023.2, and unknown to unified limits, which took their place', {
    '/os-quota-sets/:id': 'GET PUT DELETE',
    '/os-quota-sets/:id/detail': 'GET',
    '/os-quota-sets/:id/defaults': 'GET',
  }),
  ...rows('done', 'the image service in the words of Nova, before 2.36 (metadata before 2.39); deleted images are not shown', {
    '/images': 'GET',
    '/images/detail': 'GET',
    '/images/:id': 'GET DELETE',
    '/images/:id/metadata': 'GET POST PUT',
    '/images/:id/metadata/:key': 'GET PUT DELETE',
  }),
  ...rows(
    'done',
    'a server is created without networks, and with the disk of its image alone: others are attached later. Unknown hints mean nothing',
    {
      '/servers': 'GET POST',
    },
  ),
  ...rows('done', 'told from the instances there are and were, as long as those that are gone are kept', {
    '/os-simple-tenant-usage': 'GET',
    '/os-simple-tenant-usage/:id': 'GET',
  }),
  ...rows('done', 'no host has ever run such an audit, as in Nova by default: what is used is told by /os-simple-tenant-usage', {
    '/os-instance_usage_audit_log': 'GET',
    '/os-instance_usage_audit_log/:before': 'GET',
  }),
  ...rows('done', 'those that Baton has', { '/extensions': 'GET', '/extensions/:alias': 'GET' }),
  ...rows('done', 'noted in the log: nothing waits for them', { '/os-server-external-events': 'POST' }),
  ...rows('done', 'refused, as in Nova for what is no volume of a server: there is no volume service', {
    '/os-assisted-volume-snapshots': 'POST',
    '/os-assisted-volume-snapshots/:id': 'DELETE',
  }),
  ...rows('done', 'checked and accepted; a host fetches an image when it needs it', { '/os-aggregates/:id/images': 'POST' }),
  ...rows('done', 'what the driver knows; the rest is null', { '/servers/:id/diagnostics': 'GET' }),
  ...rows('done', 'always empty, as for a server without networks', {
    '/servers/:id/ips': 'GET',
    '/servers/:id/ips/:network': 'GET',
    '/servers/:id/os-security-groups': 'GET',
  }),
  ...rows('done', 'as guests have left it', { '/servers/:id/os-server-password': 'GET DELETE' }),
  ...rows('done', 'no driver lays guests out over memory nodes', { '/servers/:id/topology': 'GET' }),
  ...rows('done', 'serial and novnc, as far as the driver has them; 400 for the others. A URL is good once', {
    '/servers/:id/remote-consoles': 'POST',
  }),
  ...rows('partly', 'always 404: the gateway is the proxy, so there is no address that a proxy would be told', {
    '/os-console-auth-tokens/:id': 'GET',
  }),
  ...rows('done', 'without users and load, which Nova shows; lists of details from 2.88 on do not have it', { '/os-hypervisors/:id/uptime': 'GET' }),
  ...rows('done', '', { '/os-hosts': 'GET', '/os-hosts/:id': 'GET PUT' }),
  ...rows('done', 'no driver turns a machine off or on: 501, as Nova answers for such a driver', {
    '/os-hosts/:id/startup': 'GET',
    '/os-hosts/:id/shutdown': 'GET',
    '/os-hosts/:id/reboot': 'GET',
  }),
  ...rows('done', 'the class `default`; there are no others', { '/os-quota-class-sets/:id': 'GET PUT' }),
  ...rows('done', 'addresses and security groups are refused, as in Nova for a server without networks', { '/servers/:id/action': 'POST' }),
  ...rows('done', 'disks are local to their host; one cannot be put in the place of another', {
    '/servers/:id/os-volume_attachments': 'GET POST',
    '/servers/:id/os-volume_attachments/:device': 'GET PUT DELETE',
  }),
  ...rows('done', 'no addresses, since there is no network service', {
    '/servers/:id/os-interface': 'GET POST',
    '/servers/:id/os-interface/:device': 'GET DELETE',
  }),
  ...rows('not applicable', NETWORK, {
    '/os-networks': 'all',
    '/os-tenant-networks': 'all',
    '/os-floating-ips': 'all',
    '/os-floating-ip-pools': 'all',
    '/os-floating-ip-dns': 'all',
    '/os-floating-ips-bulk': 'all',
    '/os-fixed-ips': 'all',
    '/os-security-groups': 'all',
    '/os-security-group-rules': 'all',
    '/os-security-group-default-rules': 'all',
    '/os-fping': 'all',
    '/servers/:id/os-virtual-interfaces': 'all',
  }),
  ...rows('not applicable', VOLUME, { '/os-volumes': 'all', '/os-snapshots': 'all', '/os-volumes_boot': 'all' }),
  ...rows('not applicable', 'bare metal is not managed', { '/os-baremetal-nodes': 'all' }),
  ...rows('not applicable', 'shares need a file system service, and came after 2.90', { '/servers/:id/shares': 'all' }),
  ...rows('not applicable', GONE, {
    '/os-agents': 'all',
    '/os-cells': 'all',
    '/os-certificates': 'all',
    '/os-cloudpipe': 'all',
    '/servers/:id/consoles': 'all',
  }),
]
