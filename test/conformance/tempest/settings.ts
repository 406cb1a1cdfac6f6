/**
 * `tempest.conf` of a running cluster. What is switched off here is not there at all, each with its reason; what is there is on,
 * so that Tempest's own tests find it out. Nothing is left to Tempest's defaults that differ from Baton.
 */
import type { Login } from '../cluster.ts'

export interface Subject {
  readonly login: Login
  /** Ids of two images, of a flavor, and of a larger one. */
  readonly images: readonly [string, string]
  readonly flavors: readonly [string, string]
  readonly hosts: number
  readonly maxMicroversion: string
  /** A folder of this run, for locks and logs. */
  readonly folder: string
}

type Section = Readonly<Record<string, string | number | boolean>>

export function settingsOf({ login, images, flavors, hosts, maxMicroversion, folder }: Subject): Readonly<Record<string, Section>> {
  return {
    DEFAULT: { log_file: `${folder}/tempest.log`, log_dir: folder, resource_name_prefix: 'tempest' },
    oslo_concurrency: { lock_path: `${folder}/locks` },
    auth: {
      use_dynamic_credentials: true,
      create_isolated_networks: false,
      tempest_roles: 'member',
      default_credentials_domain_name: 'Default',
      admin_username: login.username,
      admin_password: login.password,
      admin_project_name: login.project,
      admin_domain_name: 'Default',
    },
    identity: {
      uri_v3: login.authUrl,
      auth_version: 'v3',
      region: login.region,
      v3_endpoint_type: 'public',
      admin_role: 'admin',
      default_domain_id: 'default',
    },
    'identity-feature-enabled': {
      api_v2: false,
      api_v2_admin: false,
      // No trusts: an application credential does what they are for.
      trust: false,
      application_credentials: true,
      // Rules of which paths an application credential may use.
      access_rules: false,
      // No passwords that expire, and no history of them.
      security_compliance: false,
      project_tags: false,
      // No domains with an LDAP of their own, no federation.
      domain_specific_drivers: false,
      external_idp: false,
      federation: false,
    },
    service_available: { nova: true, glance: true, neutron: false, cinder: false, swift: false, horizon: false },
    compute: {
      image_ref: images[0],
      image_ref_alt: images[1],
      flavor_ref: flavors[0],
      flavor_ref_alt: flavors[1],
      build_interval: 1,
      build_timeout: 60,
      shelved_offload_time: 0,
      min_compute_nodes: hosts,
      min_microversion: '2.1',
      max_microversion: maxMicroversion,
      hypervisor_type: 'fake',
    },
    'compute-feature-enabled': {
      // The fake driver cannot; the process driver has no passwords.
      change_password: false,
      resize: true,
      pause: true,
      shelve: true,
      shelve_migrate: true,
      suspend: true,
      rescue: true,
      snapshot: true,
      cold_migration: true,
      live_migration: true,
      block_migration_for_live_migration: true,
      can_migrate_between_any_hosts: true,
      console_output: true,
      config_drive: true,
      disk_config: true,
      hostname_fqdn_sanitization: true,
      // No driver sets the password of a new guest; Nova has the same switch.
      enable_instance_password: false,
      // Guests of the fake driver have no screen.
      vnc_console: false,
      serial_console: false,
      // No addresses without a network service.
      interface_attach: false,
      metadata_service: false,
      // What Nova itself has taken away.
      nova_cert: false,
      personality: false,
      xenapi_apis: false,
      // Volumes of a volume service.
      attach_encrypted_volume: false,
      swap_volume: false,
      volume_backed_live_migration: false,
      volume_multiattach: false,
      stable_rescue: false,
      unified_limits: false,
      scheduler_enabled_filters: 'all',
    },
    'network-feature-enabled': { api_extensions: '' },
    image: { build_timeout: 60, build_interval: 1, container_formats: 'bare', disk_formats: 'raw,qcow2' },
    // No import: what is uploaded is what is kept.
    'image-feature-enabled': { import_image: false, os_glance_reserved: true, manage_locations: false },
    // Nobody can log into a guest of the fake driver.
    validation: { run_validation: false },
  }
}

/** The file itself, in the form of oslo.config. */
export const asFile = (sections: Readonly<Record<string, Section>>): string =>
  Object.entries(sections)
    .map(
      ([name, section]) =>
        `[${name}]\n${Object.entries(section)
          .map(([key, value]) => `${key} = ${value}\n`)
          .join('')}`,
    )
    .join('\n')
