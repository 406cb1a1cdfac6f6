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
  /** What a guest gets when it is made: these reach it by a rebuild. */
  readonly userData?: string | null
  readonly keyPair?: InstanceAbout['keyPair'] | null
  readonly drive?: 'nocloud' | null
}

/** What its owner says of an instance and gives to its guest. What is absent was not given. */
export interface InstanceAbout {
  readonly description?: string
  /** Base64, as it was given. */
  readonly userData?: string
  readonly hostname?: string
  readonly configDrive?: boolean
  /** The form of its config drive, as its image wants it; absent: OpenStack's. */
  readonly drive?: 'nocloud'
  readonly files?: readonly GuestFile[]
  /** The administrator's password as the guest has left it, encrypted with the public key of its key pair: base64. */
  readonly password?: string
  /** Under which addresses its owner says it is reached; Baton shows them and nothing more. */
  readonly accessIPv4?: string
  readonly accessIPv6?: string
  /** Who partitions the root disk; for Baton's drivers the same. Absent: MANUAL. */
  readonly diskConfig?: DiskConfig
  /** The key pair it was created or rebuilt with, as it was then. */
  readonly keyPair?: { readonly name: string; readonly type: string; readonly publicKey: string }
}

/** What is said of an instance after a change. */
export function aboutAfter(before: InstanceAbout, change: AboutChange): InstanceAbout {
  const { description, password, accessIPv4, accessIPv6, userData, keyPair: pair, drive, ...rest } = before
  const removable = {
    description: replaced(description, change.description),
    password: replaced(password, change.password),
    accessIPv4: replaced(accessIPv4, change.accessIPv4),
    accessIPv6: replaced(accessIPv6, change.accessIPv6),
    userData: replaced(userData, change.userData),
    keyPair: replaced(pair, change.keyPair),
    drive: replaced(drive, change.drive),
  }
  const { hostname, diskConfig } = change
  return {
    ...rest,
    ...Object.fromEntries(Object.entries(removable).filter(([, value]) => value !== undefined)),
    ...(hostname === undefined ? {} : { hostname }),
    ...(diskConfig === undefined ? {} : { diskConfig }),
  }
}

/** Undefined leaves what was there, null takes it away. */
const replaced = <T>(before: T | undefined, asked: T | null | undefined): T | undefined => (asked === undefined ? before : (asked ?? undefined))
