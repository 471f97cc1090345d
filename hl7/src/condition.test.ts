import { expect } from 'chai';
import { compileCondition, ConditionError } from './condition.js';
import { Message } from './message/message.js';

const MESSAGE = parse('PID|||1^^^252^PI~2^^^NHS^NH||Jones^Siân||19840229|F' + '|'.repeat(21) + '""');

function parse(...segments: string[]): Message {
  return Message.parse(Buffer.from(['MSH|^~\\&|252|A|||||ADT^A31|1|P|2.5', ...segments].join('\r')));
}

function failure(of: () => unknown): ConditionError {
  try {
    of();
  } catch (error) {
    expect(error).to.be.instanceOf(ConditionError);
    return error as ConditionError;
  }
  throw new Error('nothing was thrown');
}

describe('compileCondition', () => {
  const truths = [
    'true',
    'message.text("MSH-3") == "252"',
    'message.text("MSH-9.2") in ["A28", "A31", "A40"]',
    'message.er7("PID-3[2]") == "2^^^NHS^NH"',
    'message.er7("PID-3") == "1^^^252^PI~2^^^NHS^NH"',
    'message.texts("PID-3[*].4.1") == ["252", "NHS"]',
    'message.texts("PID-3[*].4").exists(authority, authority in ["108", "252"])',
    'message.texts("PID-3[*].5").all(type, type != "")',
    'message.texts("OBX[*]-5[*]").size() == 0',
    'message.text("PID-5.2") == "Siân"',
    'message.text("PID-5.2").startsWith("Si") && message.text("PID-5.2").matches("^S.*n$")',
    'message.has("PID-7") && !message.has("PID-6") && !message.has("ZZZ")',
    'message.isNull("PID-29") && !message.isNull("PID-30")',
    'isDate(message.text("PID-7")) && !isDate("20230229") && !isDate("")',
    'message.text("PID-8") == "F" ? true : false',
    'int(message.text("PID-3.1")) == 1',
    'message.text("PID-" + "7") == "19840229"',
  ];
  for (const source of truths) {
    it(source, () => {
      expect(compileCondition(source)(MESSAGE)).to.equal(true);
      expect(compileCondition(`!(${source})`)(MESSAGE)).to.equal(false);
    });
  }

  it('expresses the check of PHW on the date of birth', () => {
    const refused = compileCondition('!isDate(message.er7("PID-7")) || message.er7("PID-7") < "18000101"');
    const taken = ['19840229', '18000101', '20240229'];
    const wrong = [
      '',
      '""',
      '17991231',
      '19000229',
      '1984',
      '198402291200',
      '19840229^D',
      '19840229~19840301',
      ' 19840229',
      'x',
    ];
    for (const date of taken) expect(refused(parse(`PID|||1||A||${date}|F`)), date).to.equal(false);
    for (const date of wrong) expect(refused(parse(`PID|||1||A||${date}|F`)), date).to.equal(true);
    expect(refused(parse()), 'no PID').to.equal(true);
  });

  it('expresses the filters of the MPI outbound flow', () => {
    const mpi = compileCondition(
      'message.text("MSH-9.2") in ["A28", "A31", "A40"] && message.texts("PID-2[*].4.1").exists(a, a != "")',
    );
    const pharmacy = compileCondition('message.text("PID-3.4.1") in ["108", "109", "140"]');
    const wis = compileCondition('message.text("PID-29.1") != "" || message.has("PID-30")');
    const subject = parse('PID||^^^~5^^^110^PI|T5^^^140&x^PI~9^^^NHS^NH' + '|'.repeat(27) + 'Y');
    expect([mpi(subject), pharmacy(subject), wis(subject)]).to.deep.equal([true, true, true]);
    expect([mpi(MESSAGE), pharmacy(MESSAGE), wis(parse('PID|||1'))]).to.deep.equal([false, false, false]);
  });

  const wrong: [source: string, says: string][] = [
    ['', 'is wrong at character 1'],
    ['message.text("PID-7") ==', 'is wrong at character 25'],
    ['message.text("PID-7) == "x"', 'is wrong'],
    ['message.text("PID-7")', 'gives string where true or false is wanted'],
    ['dyn(1)', 'gives dyn where'],
    ['message.text("PID-7") < 5', 'no such overload: string < int'],
    ['message.text(7) == "x"', 'no matching overload'],
    ['message.txt("PID-7") == "x"', "'Message.txt(string)'"],
    ['message.bytes == "x"', 'bytes'],
    ['patient.age > 3', 'Unknown variable: patient'],
    ['isDate(7)', 'no matching overload'],
    ['message.text("PID7") == "x"', 'The path "PID7" is wrong at character 4'],
    ['message.has("ZZZ") || message.has("ZZZ-")', 'The path "ZZZ-" is wrong'],
    ['message.texts("PID-3[*]").exists(t, t == "x" && message.er7("pid") == t)', 'The path "pid" is wrong'],
    ['[message.isNull("PID-0")][0] ? true : {"a": true}.a', 'The path "PID-0" is wrong'],
    ['message.text("PID-3[*]") == "x"', 'names many places'],
    ['message.text("PID") == "x"', 'names a whole segment'],
  ];
  for (const [source, says] of wrong) {
    it(`refuses ${source || 'nothing'}`, () => {
      const error = failure(() => compileCondition(source));
      expect(error.code).to.equal('BAD_CONDITION');
      expect(error.source).to.equal(source);
      expect(error.message).to.include(says).and.include(`: ${source}`);
    });
  }

  it('fails on a message without telling what the message holds', () => {
    const failing: [source: string, reason: string][] = [
      ['int(message.text("PID-5")) > 3', 'int_conversion_error'],
      ['message.texts("PID-3[*]")[7] == "x"', 'index_out_of_bounds'],
      ['{"k": true}[message.text("PID-5")]', 'no_such_key'],
      ['message.text(message.text("PID-5")) == "x"', 'BAD_PATH'],
    ];
    for (const [source, reason] of failing) {
      const condition = compileCondition(source);
      const error = failure(() => condition(MESSAGE));
      expect(error.code).to.equal('CONDITION_FAILED');
      expect(error.message).to.include(source).and.include(`(${reason})`).and.not.include('Jones');
      expect(error.cause).to.equal(undefined);
    }
  });
});
