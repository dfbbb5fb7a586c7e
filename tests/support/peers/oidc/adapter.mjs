// The storage of oidc-provider as plain Maps, one per model, so that the control endpoint can forget on demand.
// Expiry needs no code here: oidc-provider checks `exp` in each payload itself.

const GRANTABLE = ['AccessToken', 'AuthorizationCode', 'RefreshToken'];

/** One provider's storage. `Adapter` is the value of oidc-provider's `adapter` option. */
export function createStorage() {
  const models = new Map();
  const of = (model) => models.get(model) ?? models.set(model, new Map()).get(model);

  const Adapter = (model) => ({
    find: async (id) => of(model).get(id),
    findByUid: async (uid) => [...of(model).values()].find((payload) => payload.uid === uid),
    findByUserCode: async (userCode) => [...of(model).values()].find((payload) => payload.userCode === userCode),
    upsert: async (id, payload) => { of(model).set(id, payload); },
    consume: async (id) => { of(model).get(id).consumed = Math.floor(Date.now() / 1000); },
    destroy: async (id) => { of(model).delete(id); },
    revokeByGrantId: async (grantId) => {
      for (const [id, payload] of of(model)) if (payload.grantId === grantId) of(model).delete(id);
    },
  });

  return {
    Adapter,
    /** End all logins: forget every refresh token and every code. */
    revokeAll: () => [...GRANTABLE, 'Grant', 'Session'].forEach((model) => of(model).clear()),
    /** As after a restore from an old backup: dynamic registrations are gone. */
    forgetClients: () => of('Client').clear(),
  };
}
