// security-sdk.test.mjs - every method of the SDK's security controller, as a user of the SDK calls it.

import assert from 'node:assert/strict';
import { after, before, describe, test } from './lib/test.mjs';
import { connectSdk, protocolNames } from './lib/sdk.mjs';
import { startServer } from './lib/server.mjs';

const open = { '*': { actions: { '*': true } } };
const credentials = { local: { username: 'ann', password: 'one of twelve' } };

for (const protocol of protocolNames) {
  describe(`kuzzle.security over ${protocol}`, () => {
    let server;
    let kuzzle;
    const called = new Set();
    // Notes which methods were called.
    const security = () => new Proxy(kuzzle.security, {
      get: (target, name) => (...args) => {
        called.add(name);
        return target[name](...args);
      },
    });

    before(async () => {
      server = await startServer();
      kuzzle = await connectSdk(server, protocol);
    });
    after(async () => {
      kuzzle.disconnect();
      await server.stop();
    });

    test('roles', async () => {
      const role = await security().createRole('r', { controllers: { document: { actions: { get: true } } } });
      assert.deepEqual([role._id, role.controllers], ['r', { document: { actions: { get: true } } }]);
      assert.deepEqual((await security().createOrReplaceRole('r', { controllers: open })).controllers, open);
      assert.deepEqual((await security().updateRole('r', { controllers: open })).controllers, open);
      assert.equal((await security().getRole('r'))._id, 'r');
      assert.deepEqual((await security().mGetRoles(['r', 'admin'])).map(({ _id }) => _id), ['r', 'admin']);
      const found = await security().searchRoles({ controllers: ['document'] }, { size: 100 });
      assert.ok(found.hits.some(({ _id }) => _id === 'r'));
      assert.equal((await security().getRoleMapping()).mapping.tags.type, 'keyword');
      assert.equal((await security().updateRoleMapping({ properties: { team: { type: 'keyword' } } })).properties.team.type, 'keyword');
      await security().createRole('s', { controllers: open });
      assert.deepEqual(await security().mDeleteRoles(['s']), ['s']);
      await assert.rejects(security().mDeleteRoles(['s', 'admin']), ({ status, count }) => status === 206 && count === 2);
    });

    test('profiles', async () => {
      const profile = await security().createProfile('p', { policies: [{ roleId: 'r', restrictedTo: [{ index: 'i', collections: ['c'] }] }] });
      assert.deepEqual([profile._id, profile.policies[0].roleId, profile.rateLimit], ['p', 'r', 0]);
      assert.deepEqual((await profile.getRoles()).map(({ _id }) => _id), ['r']);
      assert.equal((await security().createOrReplaceProfile('p', { policies: [{ roleId: 'r' }] })).policies.length, 1);
      assert.equal((await security().updateProfile('p', { rateLimit: 5 })).rateLimit, 5);
      assert.equal((await security().getProfile('p')).rateLimit, 5);
      assert.deepEqual((await security().mGetProfiles(['p'])).map(({ _id }) => _id), ['p']);
      assert.deepEqual((await security().searchProfiles({ roles: ['r'] })).hits.map(({ _id }) => _id), ['p']);
      assert.deepEqual(await security().getProfileRights('p'), [{ controller: '*', action: '*', index: '*', collection: '*', value: 'allowed' }]);
      assert.ok((await security().getProfileMapping()).mapping.policies);
      assert.ok((await security().updateProfileMapping({ properties: { team: { type: 'keyword' } } })).properties.team);
      await security().createProfile('q', { policies: [] });
      assert.deepEqual(await security().mDeleteProfiles(['q']), ['q']);
    });

    test('users', async () => {
      const admin = await security().createFirstAdmin('root', { content: { name: 'Root' }, credentials: { local: { username: 'root', password: 'of all of it' } } });
      assert.deepEqual([admin._id, admin.profileIds], ['root', ['admin']]);
      const user = await security().createUser('ann', { content: { profileIds: ['p'], name: 'Ann' }, credentials });
      assert.deepEqual([user._id, user.profileIds, user.content.name], ['ann', ['p'], 'Ann']);
      assert.deepEqual((await user.getProfiles()).map(({ _id }) => _id), ['p']);
      const restricted = await security().createRestrictedUser({ content: { name: 'R' } }, 'res');
      assert.deepEqual([restricted._id, restricted.profileIds], ['res', ['default']]);
      assert.equal((await security().updateUser('ann', { age: 3 }))._source.age, 3);
      assert.equal((await security().replaceUser('ann', { profileIds: ['p'], name: 'Eve' }))._source.name, 'Eve');
      assert.equal((await security().getUser('ann'))._source.name, 'Eve');
      assert.deepEqual((await security().mGetUsers(['ann', 'nobody', 'res'])).map(({ _id }) => _id), ['ann', 'res']);
      assert.deepEqual((await security().searchUsers({ query: { term: { profileIds: 'p' } } })).hits.map(({ _id }) => _id), ['ann']);
      assert.equal((await security().getUserRights('ann')).length, 1);
      assert.equal(await security().checkRights('ann', { controller: 'document', action: 'get', index: 'i', collection: 'c' }), true);
      assert.deepEqual(await security().getUserStrategies('ann'), ['local']);
      assert.ok((await security().getUserMapping()).mapping.profileIds);
      assert.ok((await security().updateUserMapping({ properties: { age: { type: 'integer' } } })).properties.age);
      for (const collection of ['users', 'profiles', 'roles']) assert.equal((await security().refresh(collection)).result, null); // the SDK gives the whole response
    });

    test('credentials and API keys', async () => {
      assert.deepEqual(await security().getAllCredentialFields(), { local: ['username', 'password'] });
      assert.deepEqual(await security().getCredentialFields('local'), ['username', 'password']);
      assert.equal(await security().hasCredentials('local', 'ann'), true);
      assert.deepEqual(await security().getCredentials('local', 'ann'), { username: 'ann', kuid: 'ann' });
      assert.deepEqual(await security().getCredentialsById('local', 'ann'), { username: 'ann', kuid: 'ann' });
      assert.equal(await security().validateCredentials('local', 'res', { username: 'res', password: 'x yz ab' }), true);
      assert.deepEqual(await security().createCredentials('local', 'res', { username: 'res', password: 'x yz ab' }), { username: 'res', kuid: 'res' });
      assert.deepEqual(await security().updateCredentials('local', 'res', { username: 'res2' }), { username: 'res2', kuid: 'res' });
      assert.deepEqual(await security().deleteCredentials('local', 'res'), { acknowledged: true });
      const key = await security().createApiKey('ann', 'of a sensor', { expiresIn: '1h' });
      assert.equal(key._source.ttl, 3600000);
      assert.deepEqual((await security().searchApiKeys('ann', {}, { size: 5 })).hits.map(({ _id }) => _id), [key._id]);
      await security().deleteApiKey('ann', key._id);
      assert.equal((await security().searchApiKeys('ann')).total, 0);
    });

    test('what was made is deleted', async () => {
      assert.deepEqual(await security().deleteUser('res'), { _id: 'res' });
      assert.deepEqual(await security().mDeleteUsers(['ann', 'root']), ['ann', 'root']);
      assert.deepEqual(await security().deleteProfile('p'), { _id: 'p' });
      assert.deepEqual(await security().deleteRole('r'), { _id: 'r' });
    });

    test('no method was forgotten', () => {
      const methods = Object.getOwnPropertyNames(Object.getPrototypeOf(kuzzle.security)).filter((name) => name !== 'constructor');
      assert.deepEqual(methods.filter((name) => !called.has(name)), []);
    });
  });
}
