/** What its owner says about an instance, and what is given to its guest. Plain data: no operation depends on it. */

export type DiskConfig = 'AUTO' | 'MANUAL'

/** A file for the guest to put in its place, in base64. */
export interface GuestFile {
  readonly path: string
  readonly contents: string
}

/** What of it may be changed later; null takes it away. */
export interface AboutChange {
  readonly description?: string | null
  readonly hostname?: string
  readonly password?: string | null
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
  readonly files?: readonly GuestFile[]
  /** The administrator's password as the guest has left it, encrypted with the public key of its key pair: base64. */
  readonly password?: string
  /** Under which addresses its owner says it is reached; Baton shows them and nothing more. */
  readonly accessIPv4?: string
  readonly accessIPv6?: string
  /** Who partitions the root disk; for Baton's drivers the same. Absent: MANUAL. */
  readonly diskConfig?: DiskConfig
  /** The key pair it was created with, as it was then. */
  readonly keyPair?: { readonly name: string; readonly type: string; readonly publicKey: string }
}
