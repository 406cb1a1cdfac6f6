/**
 * Every kind of difference that the doctor knows, as one table of data. `remedy` names what is done about it (`treat` in
 * `supervisors/hosts/treatments.ts`), always through the actor that owns the matter; null when only a person can. The
 * continuous reconciler finds and treats those about guests and claims at each audit of a host. The table in the README is
 * made from this.
 */

export type Severity = 'critical' | 'warning' | 'info'

/** Who is asked: the instance about a guest or its room, an operation to go on, an instance to take an end, a node to load an actor. */
export type Remedy = 'guestSeen' | 'guestMissing' | 'room' | 'wake' | 'settle' | 'revive' | 'rewrite'

interface FindingEntry {
  readonly severity: Severity
  readonly meaning: string
  readonly remedy: Remedy | null
  /** What the reconciler does, and when. */
  readonly byItself: string
  /** What `--repair` does; null when only a person can. */
  readonly repair: string | null
  /** For a person; `<instance>`, `<host>`, `<operation>` and `<actor>` are filled in. Null when there is nothing to be typed. */
  readonly command: string | null
}

const AUDIT = 'at the next audit of the host (reconcile.auditMs)'
const BY_CLAIMS = `by reconcile.claims: asks the instance and corrects the host, ${AUDIT}`

export const FINDINGS = {
  UnknownGuest: {
    severity: 'warning',
    meaning: 'A host runs a guest that no instance owns.',
    remedy: 'guestSeen',
    byItself: `by reconcile.unknownGuests: reports it, or destroys it, ${AUDIT}`,
    repair: 'destroys it if reconcile.unknownGuests is destroy, else leaves it alone',
    command: 'set reconcile.unknownGuests: destroy, or remove it on <host>',
  },
  DeletedGuest: {
    severity: 'warning',
    meaning: 'A host still has a guest of an instance that is deleted.',
    remedy: 'guestSeen',
    byItself: `destroys it, ${AUDIT}`,
    repair: 'destroys it, when the instance confirms that it is deleted',
    command: 'baton instance show <instance>',
  },
  GuestElsewhere: {
    severity: 'critical',
    meaning: 'A guest is on a host that its instance is not on.',
    remedy: 'guestSeen',
    byItself: `destroys it, ${AUDIT}`,
    repair: 'destroys it, when the instance confirms that it is elsewhere',
    command: 'baton instance show <instance>',
  },
  GuestRunsTwice: {
    severity: 'critical',
    meaning: 'The guest that is kept for the revert of a resize runs.',
    remedy: 'guestSeen',
    byItself: `stops it, ${AUDIT}`,
    repair: 'stops it, when the instance confirms that it waits for a confirm or a revert',
    command: 'baton instance confirm <instance>',
  },
  PowerState: {
    severity: 'warning',
    meaning: 'A guest is in another power state than its instance says.',
    remedy: 'guestSeen',
    byItself: `the instance takes over what the host sees, ${AUDIT}`,
    repair: 'the instance takes over what the host sees',
    command: 'baton instance show <instance>',
  },
  VanishedGuest: {
    severity: 'critical',
    meaning: 'An instance has no guest on its host any more.',
    remedy: 'guestMissing',
    byItself: `by reconcile.vanishedGuests: puts the instance into ERROR, rebuilds it, or ignores it, ${AUDIT}`,
    repair: 'does what reconcile.vanishedGuests says',
    command: 'baton instance rebuild <instance>',
  },
  VanishedSource: {
    severity: 'warning',
    meaning: 'The guest that is kept for the revert of a resize is gone.',
    remedy: null,
    byItself: 'nothing: a revert would fail, a confirm does not need it',
    repair: null,
    command: 'baton instance confirm <instance>',
  },
  ClaimOfNobody: {
    severity: 'warning',
    meaning: 'A host holds room for an instance that does not exist or is deleted.',
    remedy: 'room',
    byItself: BY_CLAIMS,
    repair: 'releases the claim, when the instance confirms that it holds nothing there',
    command: 'baton host show <host>',
  },
  SecondClaim: {
    severity: 'warning',
    meaning: 'A host holds room for an instance that no operation, no resize and no other state of it explains.',
    remedy: 'room',
    byItself: BY_CLAIMS,
    repair: 'releases the claim, when the instance confirms that it is not its own',
    command: 'baton instance show <instance>',
  },
  NoClaim: {
    severity: 'critical',
    meaning: 'An instance is on a host that holds no room for it.',
    remedy: 'room',
    byItself: BY_CLAIMS,
    repair: 'claims the room again; refused when the host is full',
    command: 'baton instance migrate <instance>',
  },
  ClaimSize: {
    severity: 'warning',
    meaning: 'A host holds more or less room for an instance than its flavor says.',
    remedy: 'room',
    byItself: BY_CLAIMS,
    repair: 'makes the claim the right size; refused when the host is full',
    command: 'baton instance migrate <instance>',
  },
  NoSuchHost: {
    severity: 'critical',
    meaning: 'An instance is on a host that nobody knows.',
    remedy: null,
    byItself: 'nothing',
    repair: null,
    command: 'baton instance show <instance>',
  },
  OverdueOperation: {
    severity: 'critical',
    meaning: 'An operation is open past its deadline.',
    remedy: 'wake',
    byItself: 'ends it by a timer of its own, as soon as its actor is loaded',
    repair: 'loads its actor, which ends it',
    command: 'baton operation show <operation>',
  },
  LostTask: {
    severity: 'critical',
    meaning: 'An instance waits for an operation that has ended, or never began.',
    remedy: 'settle',
    byItself: 'asks for the operation again, as soon as the actor of the instance is loaded anew',
    repair: 'tells the instance how the operation ended, or has it begun',
    command: 'baton operation list --instance <instance>',
  },
  PoisonedActor: {
    severity: 'critical',
    meaning: 'An actor failed too often and was set aside.',
    remedy: 'revive',
    byItself: 'loads it again when its shard moves to another conductor',
    repair: 'loads it again; it is set aside again if it still fails',
    command: 'look for <actor> in the log of its conductor',
  },
  StaleView: {
    severity: 'warning',
    meaning: 'What lists show of an actor differs from what it is (only a sample is looked at).',
    remedy: 'rewrite',
    byItself: 'writes it again with the next change of the actor',
    repair: 'has the actor write it again',
    command: null,
  },
  UnownedShards: {
    severity: 'critical',
    meaning: 'Shards are owned by no conductor, so nothing in them goes on.',
    remedy: null,
    byItself: 'a conductor takes them within seconds',
    repair: null,
    command: 'baton node list',
  },
  SilentHost: {
    severity: 'warning',
    meaning: 'A host does not report.',
    remedy: null,
    byItself: 'waits for it; it takes no new instance meanwhile',
    repair: null,
    command: 'baton host show <host>',
  },
  OtherVersion: {
    severity: 'info',
    meaning: 'A node is of another version than the conductor that looked.',
    remedy: null,
    byItself: 'nothing: nodes of different versions work together',
    repair: null,
    command: 'baton node list',
  },
} as const satisfies Record<string, FindingEntry>

export type FindingCode = keyof typeof FINDINGS
