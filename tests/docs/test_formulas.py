"""Plain text -> MathML, against formulas written by hand."""

import re
import xml.etree.ElementTree as ET

import pytest

from pages.formulas import typeset


def linear(html: str) -> str:
    """MathML in one line as TeX has it, so that a person can check it: _ ^ and frac."""

    def told(node: ET.Element) -> str:
        inner = [told(child) for child in node]
        match node.tag:
            case "msub" | "munder":
                return f"{inner[0]}_{{{inner[1]}}}"
            case "msup":
                return f"{inner[0]}^{{{inner[1]}}}"
            case "mfrac":
                return f"frac{{{inner[0]}}}{{{inner[1]}}}"
            case "mover":
                return f"{inner[0]}{inner[1]}"
        return (node.text or "") + "".join(inner)

    math = re.search(r"<math.*?</math>", html)
    assert math, html
    text = math[0].replace("&sim;", "~").replace("&#8290;", "")
    return told(ET.fromstring(text))


@pytest.mark.parametrize(
    ("text", "formula"),
    [
        ("log p(u) = log p(f(u)) + log |det df/du|; equation 3.", "logp(u)=logp(f(u))+log|detdf/du|"),
        ("KL(N(mean, exp(log_var)) || N(0, I)); appendix B.", "KL(N(mean,exp(log_var))‖N(0,I))"),
        ("||x - x_hat||_2^2 / D, of pixels", "frac{‖x\N{MINUS SIGN}x^‖_{2}^{2}}{D}"),
        ("H_k: tanh(b_k + W_k H_(k-1) + W_(k+1)' H_(k+1)); section 4", "H_{k}"),
        ("a_(d+1) = a_d + W_d x_d.", "a_{d+1}=a_{d}+W_{d}x_{d}"),
        (
            "log 1/K sum_k p(x|z_k) p(z_k) / q(z_k|x), z_k from q(z|x)",
            "log1/K∑_{k}frac{p(x|z_{k})p(z_{k})}{q(z_{k}|x)}",
        ),
        ("1 / ((1 + e^h) (1 + e^-h))", "frac{1}{((1+e^{h})(1+e^{\N{MINUS SIGN}h}))}"),
        ("exp(x' W h + b' x) / Z", "frac{exp(x^{\N{PRIME}}Wh+b^{\N{PRIME}}x)}{Z}"),
        ("E|x - y| - E|y - y'| / 2", "E|x\N{MINUS SIGN}y|\N{MINUS SIGN}frac{E|y\N{MINUS SIGN}y^{\N{PRIME}}|}{2}"),
        ("C(X~|X): so many of the pixels", "C(X~|X)"),
        ("lambda_0 <= beta", "λ_{0}≤β"),
        ("noise ~ N(0, 0.01)", "noise~N(0,0.01)"),
        ("a 3 x 3 convolution", "3\N{MULTIPLICATION SIGN}3"),
        ("(B, C, H, W) -> (B, D, 2H, W/2)", "(B,C,H,W)→(B,D,2H,W/2)"),
    ],
)
def test_formulas_are_read_as_a_person_reads_them(text: str, formula: str) -> None:
    assert linear(typeset(text)) == formula


@pytest.mark.parametrize(
    "text",
    [
        "A drawing is the mean; section 3.1 (figure 2), 1995-2014.",
        "a U-Net, log-probabilities and the authors' code",
        "ReLU - transposed convolution, stride 2 - batch normalisation",
        "Science 313(5786), Appendix C.2, genlab/nn/dcgan.py",
        "the logarithm of the sum; Adam, learning rate 2e-4",
    ],
)
def test_prose_stays_prose(text: str) -> None:
    assert typeset(text) == text


def test_a_formula_that_opens_has_a_line_of_its_own_and_others_stand_in_theirs() -> None:
    assert 'display="block"' in typeset("log p(x) = log p(z); equation 3.")
    assert 'display="inline"' in typeset("It is log p(x) = log p(z).")


def test_nothing_of_the_text_is_lost() -> None:
    text = "q(z|x) <of> the `log_prob` & x_hat, fd_lite0"
    bare = re.sub(r"<math.*?</math>", "", typeset(text))
    assert re.sub(r"<.*?>", "", bare) == " &lt;of&gt; the log_prob &amp; , fd_lite0"
    assert "<code>fd_lite0</code>" in bare
