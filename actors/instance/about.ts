/** What its owner says about an instance, and what is given to its guest. Plain data: no operation depends on it. */

export type DiskConfig = 'AUTO' | 'MANUAL'

/** What of it may be changed later; null takes it away. */
export interface AboutChange {
  readonly description?: string | null
  readonly hostname?: string
  readonly accessIPv4?: string | null
  readonly accessIPv6?: string | null
  readonly diskConfig?: DiskConfig
}

/** What its owner says of an instance and gives to its guest. What is absent was not given. */
export interface InstanceAbout {
  readonly description?: string
  /** Base64, as it was given. */
  readonly userData?: string
  readonly hostname?: string
  readonly configDrive?: boolean
  /** Under which addresses its owner says it is reached; Baton shows them and nothing more. */
  readonly accessIPv4?: string
  readonly accessIPv6?: string
  /** Who partitions the root disk; for Baton's drivers the same. Absent: MANUAL. */
  readonly diskConfig?: DiskConfig
  /** The key pair it was created with, as it was then. */
  readonly keyPair?: { readonly name: string; readonly type: string; readonly publicKey: string }
}
