# SPDX-License-Identifier: GPL-2.0
# Exits per unit of work by reason: one panel per workload, one stacked bar per configuration.
#
# `exitlab plot` writes the variables of one run before this text and keeps the whole as a .gp file
# beside the plot, to be edited and run again (gnuplot 5.2 or later). It expects:
#   base                      name of the output without .svg and .png
#   data                      file with one block (index) per panel, two empty lines between them:
#                             "bar" value-of-reason-1 ... value-of-reason-n total
#   heading note caption      texts above and below
#   longest                   characters of the longest name of a bar
#   panels                    how many; of each panel_title[], panel_unit[], panel_max[], panel_bars[]
#   reasons                   how many; of each reason_label[], reason_colour[], reason_fill[]
# Fill 3 is solid, others are hatched: with the lightness of the colours that keeps the reasons
# apart on paper without colour.

columns = panels < 3 ? panels : 3
rows = (panels + columns - 1) / columns
most_bars = 1
do for [p = 1:panels] {
	if (panel_bars[p] > most_bars) { most_bars = panel_bars[p] }
}
# Room in pixels. Four short names stand side by side below a panel, others are turned.
turned = most_bars > 4 || longest > 14
legend_w = 190
panel_w = 72 + (most_bars * (turned ? 42 : 100) > 240 ? most_bars * (turned ? 42 : 100) : 240)
head_h = 106
foot_h = 40
tick_h = turned ? 16 + longest * 7 : 34
panel_h = 330 + tick_h
width = columns * panel_w + legend_w + 20
if (width < 760) { legend_w = legend_w + 760 - width; width = 760 }
height = head_h + rows * panel_h + foot_h

do for [format in "svg png"] {
	# Sizes of letters are points in one and pixels in the other.
	pt = format eq "svg" ? 4.0 / 3 : 1.0
	font(size) = sprintf(",%g", size * pt)
	small = font(11)
	tick_font = font(10)
	if (format eq "svg") {
		set terminal svg size width,height font "DejaVu Sans,13.3" background "white" noenhanced
	} else {
		if (strstrt(GPVAL_TERMINALS, "pngcairo") > 0) {
			set terminal pngcairo size width,height font "DejaVu Sans,10" background "white" noenhanced
		} else {
			set terminal png size width,height font "DejaVuSans,10" background "#ffffff" noenhanced
		}
	}
	set output base . "." . format
	set multiplot

	set style data histograms
	set style histogram rowstacked
	set boxwidth 0.62 relative
	set border 3 lw 1
	set tics nomirror out scale 0.6
	set xtics scale 0
	if (turned) { set xtics rotate by 90 right font tick_font }
	set grid ytics back lt 1 lc rgb "#d8d8d8" lw 0.7
	unset key

	set label 1 heading at screen 0,0.5 left offset character 0,0 font font(15)
	set label 1 at screen 12.0/width, 1.0-24.0/height
	set label 2 note at screen 12.0/width, 1.0-50.0/height left font font(11) tc rgb "#404040"
	set label 3 caption at screen 12.0/width, 16.0/height left font font(10) tc rgb "#404040"

	do for [p = 1:panels] {
		col = (p - 1) % columns
		row = (p - 1) / columns
		set lmargin at screen (col * panel_w + 72.0) / width
		set rmargin at screen ((col + 1) * panel_w - 6.0) / width
		set tmargin at screen 1.0 - (head_h + row * panel_h) / (1.0 * height)
		set bmargin at screen 1.0 - (head_h + (row + 1) * panel_h - tick_h - 6.0) / height
		set title panel_title[p] font font(12) offset 0,-0.3
		set ylabel "exits per " . panel_unit[p] offset 1.2,0 font font(10)
		set yrange [0:panel_max[p] > 0 ? panel_max[p] * 1.1 : 1]
		set xrange [-0.6:panel_bars[p] - 0.4]
		plot for [r = 1:reasons] data index p-1 using (column(r + 1)):xtic(stringcolumn(1)) \
			lc rgb reason_colour[r] lw 0.8 fs pattern reason_fill[r] border lc rgb "black", \
			data index p-1 using 0:(column(reasons + 2)):(sprintf("%.3g", column(reasons + 2))) \
			with labels offset 0,0.7 font font(11)
		unset label 1
		unset label 2
		unset label 3
	}

	# The legend is a plot of its own with nothing in it (a line out of range, because a plot of
	# key entries alone has no axes for gnuplot); its order is that of the stack.
	unset title
	unset ylabel
	unset border
	unset tics
	unset grid
	set xrange [0:1]
	set yrange [0:1]
	set lmargin at screen 1.0 - (legend_w + 4.0) / width
	set rmargin at screen 1.0 - 4.0 / width
	set tmargin at screen 1.0 - (head_h - 6.0) / height
	set bmargin at screen foot_h / (1.0 * height)
	set key inside left top Left reverse noinvert samplen 1.6 width 0 spacing 1.35 font small
	plot for [r = reasons:1:-1] keyentry with boxes lc rgb reason_colour[r] lw 0.8 \
		fs pattern reason_fill[r] border lc rgb "black" title reason_label[r], \
		-1 with lines notitle
	unset multiplot
	set output
	reset
}
