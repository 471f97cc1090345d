import { expect } from 'chai';
import { compileAcceptance } from './acceptance.js';
import { compileAnyValidation } from './reference-validation.js';

const open = { versions: null, sendingApplications: null, rules: [] };
const message = (change: (text: string) => string = (text) => text): Buffer =>
  Buffer.from(
    change(
      'MSH|^~\\&|252|252|100|100|20260304091527||ADT^A31^ADT_A05|id-1|P|2.5\rEVN||20260304091500\r' +
        'PID|||1002003^^^252^PI||PRITCHARD^Siân||19840229|F\rPV1||U\r',
    ),
  );
const birth = {
  name: 'date of birth',
  when: '!isDate(message.er7("PID-7")) || message.er7("PID-7") < "18000101"',
  message: 'PID-7 must be a date of birth',
};

describe('acceptance', () => {
  const cases: [
    name: string,
    accept: object,
    bytes: Buffer,
    code: string | undefined,
    answer?: 'AE' | 'AR',
  ][] = [
    ['any message where nothing is asked for', {}, message(), undefined],
    ['a version of the list', { versions: ['2.4', '2.5'] }, message(), undefined],
    ['another version', { versions: ['2.4'] }, message(), 'WRONG_VERSION', 'AR'],
    ['a sending application of the list', { sendingApplications: ['192', '252'] }, message(), undefined],
    [
      'another sending application',
      { sendingApplications: ['25'] },
      message(),
      'WRONG_SENDING_APPLICATION',
      'AR',
    ],
    ['a date of birth', { rules: [birth] }, message(), undefined],
    [
      'a leap day that is none',
      { rules: [birth] },
      message((text) => text.replace('19840229', '19850229')),
      'RULE',
      'AE',
    ],
    [
      'a date with a time',
      { rules: [birth] },
      message((text) => text.replace('19840229', '198402291200')),
      'RULE',
      'AE',
    ],
    [
      'the last day of 1799',
      { rules: [birth] },
      message((text) => text.replace('19840229', '17991231')),
      'RULE',
      'AE',
    ],
    [
      'the first day of 1800',
      { rules: [birth] },
      message((text) => text.replace('19840229', '18000101')),
      undefined,
    ],
    ['no PID at all', { rules: [birth] }, message((text) => text.replace(/PID.*\r/, '')), 'RULE', 'AE'],
    ['no control id', {}, message((text) => text.replace('id-1', '')), 'MISSING_CONTROL_ID', 'AE'],
    ['no HL7', {}, Buffer.from('hello'), 'NOT_HL7', 'AE'],
    ['nothing', {}, Buffer.alloc(0), 'NOT_HL7', 'AE'],
    [
      'bytes that are not in the character set',
      {},
      Buffer.from(message().toString(), 'latin1'),
      'BAD_CHARSET_CONTENT',
      'AE',
    ],
  ];
  for (const [name, accept, bytes, code, answer] of cases) {
    it(`${code === undefined ? 'takes' : 'refuses'} ${name}`, () => {
      const { rejection } = compileAcceptance(
        { accept: { ...open, ...accept }, charset: 'UNICODE UTF-8' },
        undefined,
      )(bytes);
      expect(rejection?.code).to.equal(code);
      expect(rejection?.acknowledgement).to.equal(answer);
    });
  }

  it('reads a message whose MSH-18 is empty in the flow’s character set', () => {
    const judge = compileAcceptance({ accept: open, charset: '8859/1' }, undefined);
    const { message: read, rejection } = judge(Buffer.from(message().toString(), 'latin1'));
    expect(rejection).to.equal(undefined);
    expect(read?.text('PID-5.2')).to.equal('Siân');
  });

  it('says what was expected, and never what was found in a field of the patient', () => {
    const judge = compileAcceptance(
      { accept: { ...open, rules: [birth] }, charset: 'UNICODE UTF-8' },
      undefined,
    );
    const { rejection } = judge(message((text) => text.replace('19840229', '19850229')));
    expect(rejection?.reason).to.equal('date of birth: PID-7 must be a date of birth');
    expect(JSON.stringify(rejection)).not.to.match(/19850229|PRITCHARD|1002003/);
  });

  it('makes its checks in their order, and names the first that fails', () => {
    const accept = { versions: ['2.4'], sendingApplications: ['1'], rules: [{ ...birth, when: 'true' }] };
    expect(
      compileAcceptance({ accept, charset: 'ASCII' }, undefined)(message((text) => text.replace('â', 'a')))
        .rejection?.code,
    ).to.equal('WRONG_VERSION');
  });
});

describe('acceptance by a schema set', () => {
  const configuration = { accept: open, charset: 'UNICODE UTF-8' };
  const schema = { set: 'phw', onlyReference: false, lengths: 'ignore', tables: 'ignore' } as const;
  const invalid = message((text) => text.replace(/PV1.*\r/, '').replace('EVN||20260304091500', 'EVN||today'));

  for (const onlyReference of [false, true]) {
    const judge = compileAcceptance(configuration, compileAnyValidation({ ...schema, onlyReference }));

    it(`takes what is valid (${onlyReference ? 'reference' : 'compiled'})`, () => {
      expect(judge(message()).rejection).to.equal(undefined);
    });

    it(`refuses what is not, and says all that is wrong and where (${onlyReference ? 'reference' : 'compiled'})`, () => {
      const { rejection } = judge(invalid);
      expect(rejection).to.include({ code: 'INVALID', acknowledgement: 'AE' });
      expect(rejection?.errors.map(({ code, location }) => [code, location])).to.deep.include.members([
        ['100', 'PV1'],
      ]);
      expect(rejection?.errors.some(({ location }) => location?.startsWith('EVN-2'))).to.equal(true);
      expect(rejection?.reason).to.include('PV1').and.not.include('today');
    });
  }

  it('refuses a message of more segments than anybody means', () => {
    const judge = compileAcceptance(configuration, undefined);
    const many = (count: number): Buffer => message((text) => `${text}${'NTE|1\r'.repeat(count)}`);
    expect(judge(many(20_000)).rejection).to.equal(undefined);
    const { rejection } = judge(many(25_000));
    expect(rejection).to.include({ code: 'TOO_MANY_SEGMENTS', acknowledgement: 'AE' });
    expect(rejection?.reason).to.include('25,000');
  });

  it('says of segments of one name which it means', () => {
    const judge = compileAcceptance(configuration, compileAnyValidation(schema));
    const relatives = ['NK1|1', 'NK1|2||||||||today', 'NK1|3', 'NK1|4|||||||today'];
    const { rejection } = judge(message((text) => text.replace('PV1', `${relatives.join('\r')}\rPV1`)));
    const locations = rejection?.errors.map(({ location }) => location);
    expect(locations).to.include.members(['NK1[2]-9', 'NK1[4]-8']);

    const withoutVisit = message((text) => text.replace(/PV1.*\r/, 'NK1|1\rNK1|2\rNK1|3\r'));
    expect(judge(withoutVisit).rejection?.errors.map(({ location }) => location)).to.deep.equal(['PV1']);
  });

  it('refuses a structure that the set does not have with AR', () => {
    const judge = compileAcceptance(configuration, compileAnyValidation(schema));
    const { rejection } = judge(message((text) => text.replace('ADT^A31^ADT_A05', 'ORU^R01^ORU_R01')));
    expect(rejection).to.include({ code: 'INVALID', acknowledgement: 'AR' });
    expect(rejection?.errors[0]).to.include({ code: '200', location: 'MSH-9' });
  });

  it('says at the start that there is no such set', () => {
    expect(() => compileAnyValidation({ ...schema, set: 'pwh' })).to.throw(/pwh/);
  });
});
