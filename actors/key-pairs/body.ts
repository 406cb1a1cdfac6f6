/** Key pairs as others see them, and what can be asked about them. */

/** A key pair whose private half nobody here has. */
export interface KeyPairBody {
  readonly name: string
  readonly user: string
  readonly type: 'ssh' | 'x509'
  /** A line as in authorized_keys, or a certificate in PEM. */
  readonly publicKey: string
  /** Pairs of hex digits with colons: of ssh the MD5 of the key, of x509 the SHA-1 of the certificate. */
  readonly fingerprint: string
  readonly createdAt: number
}

export interface KeyPairApi {
  /** All of a user, by name. */
  listKeyPairs(args: { user: string }): Promise<KeyPairBody[]>
  getKeyPair(args: { user: string; name: string }): Promise<KeyPairBody>
  /** Rejects `Conflict` for a name that is taken, `QuotaExceeded` by the quota `key_pairs` of the project. */
  createKeyPair(args: Omit<KeyPairBody, 'createdAt'> & { project: string; requestId: string }): Promise<KeyPairBody>
  deleteKeyPair(args: { user: string; name: string }): Promise<Record<string, never>>
}
