import { describe, expect, it } from "vitest";
import { around, cut, indexOf } from "../src/text/codepoints";
import { count, dollars, duration, fileName, percent } from "../src/text/format";
import { isWeb, localName } from "../src/text/iri";

describe("offsets", () => {
  const text = "a𝔸b\u{1F5FA}\uFE0Fc\uD800d";

  it("count code points, and a lone half of a pair as one", () => {
    const points = [...text];
    for (let start = 0; start <= points.length; start++) {
      for (let end = start; end <= points.length + 1; end++) {
        const { before, inside, after } = cut(text, start, end);
        expect(inside).toBe(points.slice(start, end).join(""));
        expect(before + inside + after).toBe(text);
      }
    }
    expect(indexOf(text, 99)).toBe(text.length);
  });

  it("show a span with the paragraph around it, cut between words", () => {
    const page = `Before.\n\n${"lead ".repeat(30)}THE SPAN${" tail".repeat(30)}\n\nAfter.`;
    const start = page.indexOf("THE");
    const { before, inside, after } = around(page, start, start + 8, 20);
    expect([before, inside, after]).toEqual(["… lead lead lead ", "THE SPAN", " tail tail tail …"]);
    expect(around("x\n\ny z\n\nw", 3, 4)).toEqual({ before: "", inside: "y", after: " z" });
  });
});

describe("figures", () => {
  it("say 100% only when everything is done", () => {
    expect([0, 41.9, 99.99, 100, 120, -3].map(percent)).toEqual(["0%", "41%", "99%", "100%", "100%", "0%"]);
  });

  it("say durations in at most two units", () => {
    expect([0.4, 59.4, 60, 185, 7800, 273_600].map(duration)).toEqual([
      "0 s",
      "59 s",
      "1 min",
      "3 min 5 s",
      "2 h 10 min",
      "3 d 4 h",
    ]);
  });

  it("tell small sums from nothing", () => {
    expect([0, 0.00001, 0.0042, 0.25, 12.5].map(dollars)).toEqual(["$0", "< $0.0001", "$0.0042", "$0.250", "$12.50"]);
    expect(count(1234567)).toBe("1,234,567");
  });

  it("name a file without its folders", () => {
    expect([fileName("/a/b/c.md"), fileName("C:\\x\\y.pdf"), fileName("a/"), fileName(null)]).toEqual([
      "c.md",
      "y.pdf",
      "a/",
      "",
    ]);
  });
});

describe("IRIs", () => {
  it("are shown by their local names", () => {
    const names = [
      "https://e.org/o#Person",
      "https://e.org/o/",
      "urn:isbn:12",
      "https://e.org/%E2%82%AC",
      "https://e.org/%zz",
      "plain",
    ].map(localName);
    expect(names).toEqual(["Person", "o", "12", "€", "%zz", "plain"]);
  });

  it("are links only where they lead to the web", () => {
    expect(
      ["https://e.org/", "HTTP://e.org/x", "javascript:alert(1)", "data:text/html,x", " https://e.org", "urn:x"].map(
        isWeb,
      ),
    ).toEqual([true, true, false, false, false, false]);
  });
});
