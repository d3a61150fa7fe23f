import { describe, expect, it } from "vitest";
import { Parser } from "../src/api/sse";

const STREAM =
  '\uFEFF: hello\n\nid: 1\nevent: entity.found\ndata: {"seq":1}\r\n\r\n: keep-alive\n\nid:2\rdata: one\rdata:two\r\rdata\n\nevent: nothing\n\nevent: end\ndata: {}\n\n';

describe("the parser of server-sent events", () => {
  it("gives the same messages however the stream is cut", () => {
    const whole = new Parser().push(STREAM);
    expect(whole).toEqual([
      { event: "entity.found", data: '{"seq":1}', id: "1" },
      { event: "message", data: "one\ntwo", id: "2" },
      { event: "message", data: "", id: "2" },
      { event: "end", data: "{}", id: "2" },
    ]);
    for (let size = 1; size < STREAM.length; size++) {
      const parser = new Parser();
      const pieces = STREAM.match(new RegExp(`[\\s\\S]{1,${size}}`, "g")) ?? [];
      expect(pieces.flatMap((piece) => parser.push(piece))).toEqual(whole);
    }
  });

  it("keeps back a message that has not ended", () => {
    const parser = new Parser();
    expect(parser.push("id: 7\ndata: x\n")).toEqual([]);
    expect(parser.push("\n")).toEqual([{ event: "message", data: "x", id: "7" }]);
  });
});
